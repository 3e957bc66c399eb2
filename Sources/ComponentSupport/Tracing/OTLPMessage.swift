// Spans as messages of OpenTelemetry's collector protocol (opentelemetry.proto.collector.trace.v1, version 1.x).
//
//   ExportTraceServiceRequest  1 resource_spans
//   ResourceSpans              1 resource {1 attributes}  2 scope_spans
//   ScopeSpans                 1 scope {1 name, 2 version}  2 spans
//   Span                       1 trace_id  2 span_id  3 trace_state  4 parent_span_id  5 name  6 kind
//                              7 start_time_unix_nano, 8 end_time_unix_nano (fixed64)  9 attributes
//                              10 dropped_attributes_count
//                              11 events {1 time_unix_nano (fixed64), 2 name, 3 attributes}
//                              15 status {2 message, 3 code: error 2}
//   KeyValue                   1 key  2 value {1 string, 2 bool, 3 int, 4 double}
internal import Observability
internal import TSModel

enum OTLPMessage {
  /// An `ExportTraceServiceRequest`.
  static func encode(_ spans: [FinishedSpan], resource: [(key: String, value: AttributeValue)], scopeVersion: String)
    -> [UInt8]
  {
    var writer = ProtobufWriter(capacity: 256 + spans.count * 256)
    writer.message(field: 1) { resourceSpans in
      resourceSpans.message(field: 1) { write(resource, field: 1, &$0) }
      resourceSpans.message(field: 2) { scopeSpans in
        scopeSpans.message(field: 1) {
          $0.string(field: 1, "apus")
          $0.string(field: 2, scopeVersion)
        }
        for span in spans { scopeSpans.message(field: 2) { write(span, &$0) } }
      }
    }
    return writer.bytes
  }

  private static func write(_ span: FinishedSpan, _ writer: inout ProtobufWriter) {
    writer.bytes(field: 1, span.context.traceID.bytes)
    writer.bytes(field: 2, span.context.spanID.bytes)
    writer.string(field: 3, span.context.traceState)
    if let parent = span.parent { writer.bytes(field: 4, parent.spanID.bytes) }
    writer.string(field: 5, span.name)
    writer.int32(field: 6, Int32(span.kind.rawValue))
    writer.fixed64(field: 7, UInt64(bitPattern: span.startNs))
    writer.fixed64(field: 8, UInt64(bitPattern: span.endNs))
    write(span.attributes, field: 9, &writer)
    writer.uint32(field: 10, UInt32(clamping: span.droppedCount))
    for event in span.events {
      writer.message(field: 11) {
        $0.fixed64(field: 1, UInt64(bitPattern: event.timeNs))
        $0.string(field: 2, event.name)
        write(event.attributes, field: 3, &$0)
      }
    }
    if let message = span.errorMessage {
      writer.message(field: 15) {
        $0.string(field: 2, message)
        $0.int32(field: 3, 2)
      }
    }
  }

  private static func write(
    _ attributes: [(key: String, value: AttributeValue)], field: Int, _ writer: inout ProtobufWriter
  ) {
    for attribute in attributes {
      writer.message(field: field) {
        $0.string(field: 1, attribute.key)
        $0.message(field: 2) { value in
          switch attribute.value {
          case .string(let text): value.string(field: 1, text, always: true)
          case .bool(let flag): value.bool(field: 2, flag, always: true)
          case .integer(let number): value.int64(field: 3, number, always: true)
          case .number(let number): value.double(field: 4, number, always: true)
          }
        }
      }
    }
  }
}
