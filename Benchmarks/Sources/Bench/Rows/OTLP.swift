// Rows of OpenTelemetry's metrics, for which there are no targets: from the bytes of a request to a batch of samples, names and all. Ten metrics of
// 100 points with eight attributes each, as an SDK sends them, one resource, one scope.
import StoreAPI
import TSModel

let otlpRows: [Row] = [
  Row(name: "otlp_numbers", unit: "ns/point") { translate(.numbers, points: 100) },
  Row(name: "otlp_histograms", unit: "ns/point") { translate(.histograms, points: 10) },
  Row(name: "otlp_native_histograms", unit: "ns/point") { translate(.histograms, points: 10, isNative: true) },
  Row(name: "otlp_exponential_histograms", unit: "ns/point") { translate(.exponentialHistograms, points: 10) },
]

/// Kinds of metrics, by their fields.
private enum Kind: Int {
  case numbers = 7
  case histograms = 9
  case exponentialHistograms = 10

  var attributesField: Int {
    switch self {
    case .numbers: 7
    case .histograms: 9
    case .exponentialHistograms: 1
    }
  }
}

private let metricCount = 10

private func translate(_ kind: Kind, points: Int, isNative: Bool = false) -> Workload {
  let bytes = request(kind, points: points)
  var options = OTLPTranslation.Options()
  options.convertsHistograms = isNative
  do {
    let batch = try SampleBatch()
    return Workload(unitsPerRun: Double(metricCount * points)) {
      batch.removeAll()
      do {
        let translation = try OTLPTranslation.append(bytes, to: batch, options: options)
        guard translation.problems.isEmpty, batch.seriesCount >= metricCount * points else { fatalError("otlp") }
      } catch { fatalError("otlp: \(error)") }
      blackHole(batch.seriesCount)
    }
  } catch { fatalError("otlp: \(error)") }
}

private func request(_ kind: Kind, points: Int) -> [UInt8] {
  var writer = ProtobufWriter()
  writer.message(field: 1) { resourceMetrics in
    resourceMetrics.message(field: 1) { resource in
      for (key, value) in [("service.name", "shop"), ("service.instance.id", "shop-0"), ("cloud.region", "eu-west-1")] {
        resource.message(field: 1) { attribute(&$0, key, value) }
      }
    }
    resourceMetrics.message(field: 2) { scope in
      for metric in 0..<metricCount { scope.message(field: 2) { write(kind, metric, points: points, to: &$0) } }
    }
  }
  return writer.bytes
}

private func write(_ kind: Kind, _ metric: Int, points: Int, to writer: inout ProtobufWriter) {
  writer.string(field: 1, "http.server.request.\(metric)")
  writer.string(field: 2, "Requests that a server answered.")
  writer.string(field: 3, kind == .numbers ? "By" : "s")
  writer.message(field: kind.rawValue) { data in
    for point in 0..<points {
      data.message(field: 1) { message in
        message.fixed64(field: 2, 1_767_225_600_000_000_000)
        message.fixed64(field: 3, 1_767_225_660_000_000_000 + UInt64(metric * points + point))
        write(kind, point, to: &message)
        for (key, value) in [
          ("http.request.method", ["GET", "POST", "PUT"][point % 3]), ("http.route", "/api/v1/orders/{order}/\(point)"),
          ("network.protocol.version", "1.1"), ("server.address", "shop.example.com"), ("url.scheme", "https"),
          ("deployment", "green"), ("shard", "shard-\(point % 10)"),
        ] { message.message(field: kind.attributesField) { attribute(&$0, key, value) } }
        message.message(field: kind.attributesField) { attribute in
          attribute.string(field: 1, "http.response.status_code")
          attribute.message(field: 2) { $0.int64(field: 3, Int64(200 + point % 5)) }
        }
      }
    }
    data.int32(field: 2, 2)
    data.bool(field: 3, kind == .numbers)
  }
}

private func write(_ kind: Kind, _ point: Int, to message: inout ProtobufWriter) {
  switch kind {
  case .numbers: message.double(field: 4, Double(1000 * point) + 0.5)
  case .histograms:
    message.fixed64(field: 4, 160)
    message.double(field: 5, 17.25)
    message.packedDoubles(field: 6, (0..<16).map { _ in Double(bitPattern: 10) })
    message.packedDoubles(field: 7, (0..<15).map { 0.005 * Double(1 << $0) })
  case .exponentialHistograms:
    message.fixed64(field: 4, 400)
    message.double(field: 5, 17.25)
    message.sint32(field: 6, 3)
    message.message(field: 8) { buckets in
      buckets.sint32(field: 1, -20)
      buckets.packed(field: 2, (0..<40).map { UInt64($0 % 20) })
    }
  }
}

private func attribute(_ writer: inout ProtobufWriter, _ key: String, _ value: String) {
  writer.string(field: 1, key)
  writer.message(field: 2) { $0.string(field: 1, value, always: true) }
}
