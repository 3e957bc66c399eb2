// swift-tools-version: 6.2
// The benchmarks, a package of its own so that what they compare with never reaches a user of Apus.
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "apus", path: "..")],
  targets: [
    // What the machine factor and some rows are measured against.
    .systemLibrary(name: "CSnappy", pkgConfig: nil, providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CPinning", path: "Sources/CPinning"),
    .executableTarget(
      name: "bench",
      dependencies: [
        "CPinning", "CSnappy", "CZstd", .product(name: "Core", package: "apus"),
        .product(name: "Network", package: "apus"),
      ],
      path: "Sources/Bench",
      swiftSettings: [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
    // The programs of the network rows: server and client are processes of their own.
    .executableTarget(
      name: "bench-net",
      dependencies: [.product(name: "Network", package: "apus")],
      path: "Sources/BenchNet",
      swiftSettings: [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
  ]
)
