// label_replace and label_join: a label of each row is made anew from others.
internal import TSModel

/// How one label of a set is made.
protocol LabelRewriting {
  /// The label that is made.
  var destination: [UInt8] { get }
  /// Its value for a row with these labels; nil where the row stays as it is.
  func value(for set: LabelBytes) -> [UInt8]?
}

/// A text argument of a function.
private func text(_ arguments: [Expression], _ index: Int) -> [UInt8] {
  guard index < arguments.count, case .stringLiteral(let literal) = arguments[index] else { return [] }
  return literal.bytes
}

private func check(labelName: [UInt8], _ role: String, _ function: String) throws {
  guard labelName.isEmpty || String(validating: labelName, as: UTF8.self) == nil else { return }
  throw QueryError.execution(
    "invalid \(role) label name in \(function)(): \(String(decoding: labelName, as: UTF8.self))")
}

/// `label_replace(v, destination, replacement, source, regex)`
struct LabelReplacement: LabelRewriting {
  let destination: [UInt8]
  private let source: [UInt8]
  private let regex: CapturingRegex
  private let template: CapturingRegex.Template

  init(_ arguments: [Expression]) throws {
    destination = text(arguments, 1)
    source = text(arguments, 3)
    let pattern = String(decoding: text(arguments, 4), as: UTF8.self)
    do throws(ModelError) { regex = try CapturingRegex(pattern) } catch {
      throw QueryError(.execution, "invalid regular expression in label_replace(): \(pattern)", cause: error)
    }
    try check(labelName: destination, "destination", "label_replace")
    template = regex.template(String(decoding: text(arguments, 2), as: UTF8.self))
  }

  func value(for set: LabelBytes) -> [UInt8]? { regex.expand(template, in: Array(labelValue(set, source))) }
}

/// `label_join(v, destination, separator, source, …)`
struct LabelJoin: LabelRewriting {
  let destination: [UInt8]
  private let separator: [UInt8]
  private let sources: [[UInt8]]

  init(_ arguments: [Expression]) throws {
    destination = text(arguments, 1)
    separator = text(arguments, 2)
    sources = (3..<max(3, arguments.count)).map { text(arguments, $0) }
    for source in sources { try check(labelName: source, "source", "label_join") }
    try check(labelName: destination, "destination", "label_join")
  }

  func value(for set: LabelBytes) -> [UInt8]? {
    Array(sources.map { labelValue(set, $0) }.joined(separator: separator))
  }
}

/// Rows of another operator with one label made anew.
final class LabelRewritingOperator: VectorOperator {
  private let child: any VectorOperator
  private let rewriting: any LabelRewriting
  private let context: QueryContext

  init(_ child: any VectorOperator, _ rewriting: any LabelRewriting, _ context: QueryContext) {
    (self.child, self.rewriting, self.context) = (child, rewriting, context)
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    let setsName = rewriting.destination == LabelNames.name
    var sets = LabelSets()
    for row in 0..<batch.count {
      guard let value = rewriting.value(for: batch.labels[row]) else {
        sets.append(batch.labels[row])
        continue
      }
      var editor = LabelEditor(batch.labels[row])
      editor.set(rewriting.destination, value)
      sets.append(editor.bytes[...])
      if setsName { batch.dropsName[row] = false }
    }
    batch.replaceLabels(sets)
    return batch
  }
}
