// Header fields between Swift and the C core.
internal import CTransport

extension HTTPHeaders {
  /// A copy of the fields that C shows for the time of a call.
  init(_ fields: UnsafePointer<transport_field>?, count: Int) {
    let all = unsafe UnsafeBufferPointer(start: fields, count: fields == nil ? 0 : count)
    var text = 0
    for index in all.indices { text += unsafe all[index].name.length + all[index].value.length }
    self.init(fieldCapacity: all.count, textCapacity: text)
    for index in all.indices { unsafe append(name: all[index].name.buffer, value: all[index].value.buffer) }
  }

  /// Shows the fields to C for the time of a call.
  func withFields<Result>(_ body: (UnsafePointer<transport_field>?, Int) -> Result) -> Result {
    guard !isEmpty else { return body(nil, 0) }
    return unsafe withUnsafeTemporaryAllocation(of: transport_field.self, capacity: count) { fields in
      unsafe withFields { name, value, index in
        unsafe fields.initializeElement(
          at: index, to: transport_field(name: transport_text(name), value: transport_text(value)))
      } then: {
        unsafe body(fields.baseAddress, count)
      }
    }
  }
}

extension transport_text {
  init(_ bytes: UnsafeRawBufferPointer) {
    unsafe self.init(bytes: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), length: bytes.count)
  }

  /// The bytes where they lie.
  var buffer: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : length) }

  /// A copy as text, with invalid UTF-8 repaired.
  var string: String { unsafe String(decoding: buffer, as: UTF8.self) }
}
