// How batches of spans reach their receiver.
internal import Observability

enum OTLPSenders {
  /// The sender that `config` describes. Throws `.unsupported` as long as there is no client to send with.
  static func sender(
    _ config: TracingConfig, component: String, build: BuildFacts
  ) throws(ConfigurationError) -> any SpanSender {
    throw ConfigurationError(.unsupported, "--tracing.config: spans cannot be sent")
  }
}
