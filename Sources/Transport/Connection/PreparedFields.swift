// Fields that many messages have, as C keeps them.
internal import CTransport

/// Fields that are checked and laid out once. They must outlive the connections that they are sent on.
@safe final class PreparedFields: @unchecked Sendable {
  /// Unchanging; nil where there was no memory.
  let handle: OpaquePointer?

  /// The head of answers with this status, or trailers where it is 0.
  init(status: Int, _ headers: HTTPHeaders) {
    unsafe handle = unsafe headers.withFields { fields, count in
      var head = unsafe transport_head()
      unsafe head.status = Int32(clamping: status)
      unsafe head.fields = fields
      unsafe head.field_count = count
      return unsafe transport_prepared_new(&head)
    }
  }

  /// The heads of requests by POST to `authority`, but for their targets.
  init(posting headers: HTTPHeaders, scheme: String, authority: String) {
    var (method, scheme, authority) = ("POST", scheme, authority)
    unsafe handle = method.withUTF8 { method in
      scheme.withUTF8 { scheme in
        authority.withUTF8 { authority in
          unsafe headers.withFields { fields, count in
            var head = unsafe transport_head(
              version: 20, status: 0, method: transport_text(UnsafeRawBufferPointer(method)),
              scheme: transport_text(UnsafeRawBufferPointer(scheme)),
              authority: transport_text(UnsafeRawBufferPointer(authority)),
              target: transport_text(UnsafeRawBufferPointer(start: nil, count: 0)), fields: fields, field_count: count)
            return unsafe transport_prepared_new(&head)
          }
        }
      }
    }
  }

  deinit { unsafe transport_prepared_free(handle) }
}
