// Metadata of a call: the header fields that are its own and not the protocol's.
//
// A field whose name ends in `-bin` holds bytes: Base64 on the wire, with or without `=`; several values of one name come as
// several fields or joined by commas. All other values are printable ASCII.

extension HTTPHeaders {
  /// The byte strings of the metadata `name` (with its `-bin`), decoded. Throws `GRPCStatus` with Go's text where one is not
  /// Base64.
  public func binary(_ name: String) throws(GRPCStatus) -> [[UInt8]] {
    var values: [[UInt8]] = []
    for value in self.values(for: name) {
      for part in value.split(separator: ",", omittingEmptySubsequences: false) {
        guard let bytes = Base64.decoded(GRPCMetadata.trimmed(part)) else {
          throw GRPCStatus(.internal, "malformed binary metadata \"\(value)\" in header \"\(name)\"")
        }
        values.append(bytes)
      }
    }
    return values
  }

  /// Adds bytes under `name`, which must end in `-bin`.
  public mutating func addBinary(_ name: String, _ bytes: [UInt8]) {
    precondition(name.hasSuffix("-bin"), "names of binary metadata end in -bin")
    add(name, Base64.encoded(bytes, padded: false))
  }
}

/// What the protocol says about names and values of metadata.
enum GRPCMetadata {
  /// Fields that carry the protocol itself: they are neither shown to handlers nor taken from them.
  static func isReserved(_ name: String) -> Bool {
    if name.hasPrefix(":") || name.hasPrefix("grpc-") { return true }
    switch name {
    case "content-type", "te", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
      "content-length", "host":
      return true
    default: return false
    }
  }

  /// The fields of a request (or of an answer) that are its metadata. Throws where bytes in one are not Base64.
  static func metadata(of headers: HTTPHeaders) throws(GRPCStatus) -> HTTPHeaders {
    let metadata = unsafe headers.filtered { name, _ in unsafe !isReserved(name) }
    try checkBinary(metadata)
    return metadata
  }

  /// `-bin`, as the machine loads it.
  private static let binarySuffix = UInt32(bigEndian: 0x2D62_696E)

  /// Whether a field holds bytes.
  static func isBinary(_ name: UnsafeRawBufferPointer) -> Bool {
    unsafe name.count >= 4 && name.loadUnaligned(fromByteOffset: name.count - 4, as: UInt32.self) == binarySuffix
  }

  /// Throws where the bytes of a field are not Base64.
  static func checkBinary(_ headers: HTTPHeaders) throws(GRPCStatus) {
    // Most have none.
    guard
      unsafe headers.containsName(where: { name in unsafe isBinary(name) })
    else { return }
    for (name, _) in headers where name.hasSuffix("-bin") && !isReserved(name) { _ = try headers.binary(name) }
  }

  /// The same of a name's bytes.
  static func isReserved(_ name: UnsafeRawBufferPointer) -> Bool {
    guard let first = unsafe name.first, first != UInt8(ascii: ":") else { return true }
    if unsafe name.starts(with: "grpc-".utf8) { return true }
    // Those that `isReserved(_:)` names begin with one of these; `u` also stands before the one that nearly all requests have.
    switch first {
    case UInt8(ascii: "c"), UInt8(ascii: "t"), UInt8(ascii: "k"), UInt8(ascii: "p"), UInt8(ascii: "h"):
      return unsafe isReserved(String(decoding: name, as: UTF8.self))
    case UInt8(ascii: "u"): return unsafe name.elementsEqual("upgrade".utf8)
    default: return false
    }
  }

  /// Whether a field may be sent: a name of lower-case letters, digits, `-`, `_` and `.`, a value of printable ASCII.
  static func isValid(_ name: String, _ value: String) -> Bool {
    guard !name.isEmpty, !isReserved(name) else { return false }
    let nameIsValid = name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x61...0x7A, 0x2D, 0x5F, 0x2E: true
      default: false
      }
    }
    return nameIsValid && value.utf8.allSatisfy { $0 >= 0x20 && $0 <= 0x7E }
  }

  /// Adds the fields of `metadata` that may be sent to `headers`; others would make the whole answer unreadable and are left
  /// out.
  static func add(_ metadata: HTTPHeaders, to headers: inout HTTPHeaders) {
    if metadata.isEmpty { return }
    for (name, value) in metadata where isValid(name, value) { headers.add(name, value) }
  }

  /// Without blanks around it.
  static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.utf8.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
    while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
    return text
  }
}
