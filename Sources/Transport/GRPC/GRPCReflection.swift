// Server reflection, v1 and v1alpha, which are equal but for their names: clients such as grpcurl ask it which services there
// are and what their messages look like.
//
//   ServerReflectionRequest   1 host  3 file_by_filename  4 file_containing_symbol
//                             5 file_containing_extension (1 type, 2 number)
//                             6 all_extension_numbers_of_type  7 list_services
//   ServerReflectionResponse  1 valid_host  2 original_request  4 file_descriptor_response (1 file_descriptor_proto)
//                             5 all_extension_numbers_response (1 base_type_name, 2 extension_number)
//                             6 list_services_response (1 service (1 name))  7 error_response (1 error_code, 2 error_message)
internal import TSModel

/// The files that describe the services of a server, by name and by what they declare.
struct ReflectionIndex: Sendable {
  /// A file as far as reflection must understand it.
  private struct File: Sendable {
    var name = ""
    var dependencies: [String] = []
    var bytes: [UInt8] = []
  }

  /// The full names of all services, sorted.
  let serviceNames: [String]
  private var files: [String: File] = [:]
  private var fileOfSymbol: [String: String] = [:]
  /// Extensions of a message, by number.
  private var extensions: [String: [Int32: String]] = [:]

  /// All that these services bring, and reflection itself.
  init(services: [any GRPCService]) {
    serviceNames = (services.map(\.name) + [ReflectionService.nameV1, ReflectionService.nameV1Alpha]).sorted()
    for bytes in services.flatMap(\.fileDescriptors) + TransportDescriptors.reflection {
      // A descriptor is a constant of the program: one that cannot be read leaves its service undescribed.
      do { try add(bytes) } catch {}
    }
  }

  private mutating func add(_ bytes: [UInt8]) throws {
    var file = File(bytes: bytes)
    var package = ""
    let span = bytes.span
    // The package comes before the declarations, as every writer of the format has it; two passes do not depend on it.
    var reader = unsafe ProtobufReader(span.bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1: file.name = try reader.string()
      case 2: package = try reader.string()
      case 3: file.dependencies.append(try reader.string())
      default: break
      }
    }
    guard files[file.name] == nil else { return }
    files[file.name] = file
    reader = unsafe ProtobufReader(span.bytes)
    while let field = try reader.next() {
      switch field.number {
      case 4: try addMessage(reader.nested(), scope: package, file: file.name)
      case 5: try addEnum(reader.nested(), scope: package, file: file.name)
      case 6: try addNamed(reader.nested(), members: [2], scope: package, file: file.name)
      case 7: try addExtension(reader.nested(), scope: package, file: file.name)
      default: break
      }
    }
  }

  private func joined(_ scope: String, _ name: String) -> String { scope.isEmpty ? name : "\(scope).\(name)" }

  /// The field `name` (1) of any descriptor.
  private func name(_ message: consuming ProtobufReader) throws -> String {
    while let field = try message.next() {
      if field.number == 1 { return try message.string() }
    }
    return ""
  }

  /// A service, or anything else whose members are in its scope.
  private mutating func addNamed(
    _ bytes: borrowing ProtobufReader, members: Set<Int>, scope: String, file: String
  ) throws {
    let full = joined(scope, try name(copy bytes))
    fileOfSymbol[full] = file
    var reader = copy bytes
    while let field = try reader.next() {
      if members.contains(field.number) { fileOfSymbol[joined(full, try name(reader.nested()))] = file }
    }
  }

  /// Values of an enumeration are in the scope around it.
  private mutating func addEnum(_ bytes: borrowing ProtobufReader, scope: String, file: String) throws {
    fileOfSymbol[joined(scope, try name(copy bytes))] = file
    var reader = copy bytes
    while let field = try reader.next() {
      if field.number == 2 { fileOfSymbol[joined(scope, try name(reader.nested()))] = file }
    }
  }

  private mutating func addMessage(_ bytes: borrowing ProtobufReader, scope: String, file: String) throws {
    let full = joined(scope, try name(copy bytes))
    // Fields (2) and oneofs (8).
    try addNamed(copy bytes, members: [2, 8], scope: scope, file: file)
    var reader = copy bytes
    while let field = try reader.next() {
      switch field.number {
      case 3: try addMessage(reader.nested(), scope: full, file: file)
      case 4: try addEnum(reader.nested(), scope: full, file: file)
      case 6: try addExtension(reader.nested(), scope: full, file: file)
      default: break
      }
    }
  }

  private mutating func addExtension(_ bytes: borrowing ProtobufReader, scope: String, file: String) throws {
    var (name, extended, number) = ("", "", Int32(0))
    var reader = copy bytes
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try reader.string()
      case 2: extended = try reader.string()
      case 3: number = try reader.int32()
      default: break
      }
    }
    fileOfSymbol[joined(scope, name)] = file
    if extended.hasPrefix(".") { extended.removeFirst() }
    extensions[extended, default: [:]][number] = file
  }

  // MARK: Asking

  /// The file of this name and all it needs, those in `sent` left out and put there.
  func files(named name: String, sent: inout Set<String>) -> [[UInt8]]? {
    guard files[name] != nil else { return nil }
    var result: [[UInt8]] = []
    var queue = [name]
    var position = 0
    while position < queue.count {
      let next = queue[position]
      position += 1
      // The file that was asked for is always sent.
      guard sent.insert(next).inserted || next == name, let file = files[next] else { continue }
      result.append(file.bytes)
      queue += file.dependencies.filter { !queue.contains($0) }
    }
    return result
  }

  /// The name of the file that declares `symbol`.
  func file(declaring symbol: String) -> String? { fileOfSymbol[symbol] }

  /// The name of the file that extends the message by this number.
  func file(extending message: String, number: Int32) -> String? { extensions[message]?[number] }

  /// The numbers that a message is extended by; nil where there is no such message.
  func extensionNumbers(of message: String) -> [Int32]? {
    if let numbers = extensions[message]?.keys.sorted() { return numbers }
    return fileOfSymbol[message] == nil ? nil : []
  }
}

/// Answers questions about the services of a server.
struct ReflectionService: GRPCService {
  static let nameV1 = "grpc.reflection.v1.ServerReflection"
  static let nameV1Alpha = "grpc.reflection.v1alpha.ServerReflection"

  let name: String
  let index: ReflectionIndex

  var methods: [GRPCMethod] { [GRPCMethod("ServerReflectionInfo", .bidiStream)] }

  func handle(method: String, call: GRPCServerCall) async throws {
    var sent: Set<String> = []
    while let request = try await call.nextMessage() {
      let answer: [UInt8]
      do {
        answer = try response(to: request, sent: &sent)
      } catch let error as ModelError {
        throw unmarshalling(error)
      }
      try await call.send(answer)
    }
  }

  private func response(to request: [UInt8], sent: inout Set<String>) throws -> [UInt8] {
    var host = ""
    var answer: (inout ProtobufWriter) -> Void = { writer in
      Self.error(.invalidArgument, "invalid MessageRequest: it asks nothing", &writer)
    }
    let span = request.span
    var reader = unsafe ProtobufReader(span.bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1: host = try reader.string()
      case 3:
        let name = try reader.string()
        answer = fileAnswer(index.files(named: name, sent: &sent), missing: "\"\(name)\"")
      case 4:
        let symbol = try reader.string()
        answer = fileAnswer(
          index.file(declaring: symbol).flatMap { index.files(named: $0, sent: &sent) }, missing: symbol)
      case 5:
        var (message, number) = ("", Int32(0))
        var nested = try reader.nested()
        while let field = try nested.next() {
          if field.number == 1 { message = try nested.string() }
          if field.number == 2 { number = try nested.int32() }
        }
        answer = fileAnswer(
          index.file(extending: message, number: number).flatMap { index.files(named: $0, sent: &sent) },
          missing: "extension \(number) of \(message)")
      case 6:
        let message = try reader.string()
        let numbers = index.extensionNumbers(of: message)
        answer = { writer in
          guard let numbers else { return Self.error(.notFound, "proto: not found: \(message)", &writer) }
          writer.message(field: 5) { body in
            body.string(field: 1, message)
            body.packed(field: 2, numbers.map { UInt64(bitPattern: Int64($0)) })
          }
        }
      case 7:
        _ = try reader.string()
        let names = index.serviceNames
        answer = { writer in
          writer.message(field: 6) { body in
            for name in names { body.message(field: 1) { $0.string(field: 1, name) } }
          }
        }
      default: break
      }
    }
    var writer = ProtobufWriter()
    writer.string(field: 1, host)
    writer.bytes(field: 2, request, always: true)
    answer(&writer)
    return writer.bytes
  }

  private func fileAnswer(_ files: [[UInt8]]?, missing: String) -> (inout ProtobufWriter) -> Void {
    { writer in
      guard let files else { return Self.error(.notFound, "proto: not found: \(missing)", &writer) }
      writer.message(field: 4) { body in
        for file in files { body.bytes(field: 1, file, always: true) }
      }
    }
  }

  private static func error(_ code: GRPCStatus.Code, _ message: String, _ writer: inout ProtobufWriter) {
    writer.message(field: 7) { body in
      body.int32(field: 1, Int32(code.rawValue))
      body.string(field: 2, message)
    }
  }
}
