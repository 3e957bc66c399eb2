// The descriptors that reflection hands out are those of Protos/.
import TestSupport
import Testing

@testable import Transport

@Suite struct DescriptorTests {
  @Test(.needsPeers("python")) func committedDescriptorsAreThoseOfTheProtos() throws {
    let result = try runProcess(
      "/usr/bin/env", ["bash", Fixtures.repository + "/Scripts/descriptors", "--check"], timeLimitSeconds: 120)
    #expect(result.exitCode == 0, "\(result.errorText)")
  }

  @Test func everyServerDescribesItsOwnServices() {
    var sent: Set<String> = []
    let index = ReflectionIndex(services: [HealthService(health: GRPCHealth())])
    for symbol in [
      "grpc.health.v1.Health", "grpc.health.v1.Health.Watch", "grpc.health.v1.HealthCheckResponse.ServingStatus",
      "grpc.health.v1.HealthCheckResponse.SERVING", "grpc.health.v1.HealthCheckRequest.service",
      "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflectionRequest.message_request",
    ] {
      let file = index.file(declaring: symbol)
      #expect(file != nil, "\(symbol)")
      #expect(file.flatMap { index.files(named: $0, sent: &sent) }?.isEmpty == false)
    }
    #expect(index.file(declaring: "grpc.health.v1") == nil)
  }
}
