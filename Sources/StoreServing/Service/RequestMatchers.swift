// Conditions of a request, in the form that blocks are asked by: those on external labels are answered at once.
internal import StoreAPI
internal import TSModel
internal import Transport

extension [LabelMatcherMessage] {
  /// The compiled conditions. Throws InvalidArgument with the text of what is wrong behind `attempt`.
  func compiled(_ attempt: String = "") throws(GRPCStatus) -> [LabelMatcher] {
    var matchers: [LabelMatcher] = []
    for message in self {
      do throws(ModelError) { matchers.append(try message.matcher()) } catch {
        throw GRPCStatus(.invalidArgument, attempt + error.message)
      }
    }
    return matchers
  }
}

extension ServedBlock {
  /// The label that hints know a block by.
  static let nameLabel = "__block_id"

  /// What is left of `matchers` once those on external labels are taken out; nil where one of these fails.
  func ownMatchers(of matchers: [LabelMatcher]) -> [LabelMatcher]? {
    var own: [LabelMatcher] = []
    for matcher in matchers {
      guard let value = externalLabels[matcher.name] else {
        own.append(matcher)
        continue
      }
      if !matcher.matches(value) { return nil }
    }
    return own
  }

  /// Whether the block itself, by its name or its external labels, fulfils `matchers`.
  func fulfils(_ matchers: [LabelMatcher]) -> Bool {
    matchers.allSatisfy { matcher in
      matcher.name == Self.nameLabel
        ? matcher.matches(ulid.description) : matcher.matches(externalLabels[matcher.name] ?? "")
    }
  }
}

extension Optional<AnyMessage> {
  /// The hints of a request, which must be of the kind `name`; nil where there are none. Throws InvalidArgument behind
  /// `attempt`.
  func hints<Hints: ProtobufMessage>(named name: String, _ attempt: String) throws(GRPCStatus) -> Hints? {
    guard let self else { return nil }
    do throws(ModelError) { return try self.unpacked(named: name) } catch {
      throw GRPCStatus(.invalidArgument, "\(attempt): \(error.message)")
    }
  }
}
