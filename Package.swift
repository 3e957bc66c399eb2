// swift-tools-version: 6.2
// The package of Apus. It depends on no other Swift package: only on its own targets and on Debian's C libraries,
// each behind a target of its own in Sources/CLibraries. CONTRIBUTING.md tells the tour of the house.
import PackageDescription

// Warnings are errors where APUS_WARNINGS_AS_ERRORS is set (`make check` and CI set it), so that another compiler's
// new warning never stops a user's build.
let warningsAreErrors = Context.environment["APUS_WARNINGS_AS_ERRORS"] != nil

// Locks that the thread sanitizer sees (Sources/Locking), where `Scripts/check thread` builds for it.
let locks: [SwiftSetting] =
  Context.environment["APUS_SANITIZER"] == "thread" ? [.define("APUS_THREAD_SANITIZER")] : []

let swift: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
  ] + locks + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

/// Tests call C directly and compare bytes: strict memory safety would mark nearly every line of theirs.
let swiftOfTests: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
  ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let c: [CSetting] = warningsAreErrors ? [.treatAllWarnings(as: .error)] : []
let cxx: [CXXSetting] = warningsAreErrors ? [.treatAllWarnings(as: .error)] : []

func library(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
  .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: swift)
}

func cLibrary(_ name: String) -> Target {
  .target(name: name, path: "Sources/\(name)", publicHeadersPath: "include", cSettings: c)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies + ["TestSupport", "Locking"], path: "Tests/\(name)Tests",
    swiftSettings: swiftOfTests)
}

/// One of Debian's C libraries: its folder in Sources/CLibraries holds the module map, which names what to link, and a header
/// for what Swift cannot import.
func debian(_ name: String) -> Target {
  .systemLibrary(name: name, path: "Sources/CLibraries/\(name)")
}

func component(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  library(name, dependencies, path: "Sources/Components/\(name)")
}

let package = Package(
  name: "apus",
  products: [
    .executable(name: "apus", targets: ["CLI"]),
    // For Benchmarks/, which is a package of its own.
    .library(name: "Core", targets: ["CTSDB", "TSModel", "Storage"]),
    .library(name: "Network", targets: ["Observability", "CTransport", "Transport", "StoreAPI"]),
  ],
  targets: [
    // C core and C helpers
    cLibrary("CTSDB"),
    cLibrary("CMapping"),
    .target(
      name: "RE2", path: "Sources/CLibraries/RE2", publicHeadersPath: "include", cxxSettings: cxx,
      linkerSettings: [.linkedLibrary("re2")]),

    // Debian's libraries
    debian("UV"),
    debian("OpenSSL"),
    debian("NGHTTP2"),
    debian("HTTPParser"),
    // Loaded when it is needed first, not linked.
    .target(name: "Curl", path: "Sources/CLibraries/Curl", publicHeadersPath: "include", cSettings: c),
    debian("CAres"),
    debian("YAML"),
    debian("Zlib"),
    debian("Zstd"),
    debian("Snappy"),

    // Libraries
    library("Locking", []),
    library("Observability", ["Locking"]),
    library("TSModel", ["Locking", "CTSDB", "RE2"]),
    library("Storage", ["Locking", "CTSDB", "CMapping", "TSModel", "Observability", "Snappy", "Zstd"]),
    .target(
      name: "CTransport", dependencies: ["UV", "OpenSSL", "NGHTTP2", "HTTPParser"], path: "Sources/CTransport",
      publicHeadersPath: "include", cSettings: c,
      linkerSettings: ["uv", "ssl", "crypto", "nghttp2", "http_parser"].map { .linkedLibrary($0) }),
    library(
      "Transport", ["Locking", "CTransport", "TSModel", "Observability", "Curl", "CAres", "Zlib", "Zstd", "Snappy"]),
    library("ObjectStore", ["Locking", "TSModel", "Observability", "OpenSSL"]),
    library("BucketBlocks", ["Locking", "TSModel", "Observability", "Storage", "ObjectStore"]),
    library("PromQL", ["Locking", "CTSDB", "TSModel"]),
    library("StoreAPI", ["CTSDB", "TSModel", "Transport"]),
    library("HTTPAPI", ["Locking", "CTSDB", "TSModel", "Observability", "PromQL", "Transport"]),
    library(
      "StoreServing",
      ["Locking", "CTSDB", "TSModel", "Observability", "Transport", "Storage", "StoreAPI", "PromQL"]),
    library(
      "BlockFolders",
      ["Locking", "TSModel", "Observability", "Storage", "ObjectStore", "BucketBlocks", "StoreServing"]),
    .target(
      name: "Pages", dependencies: ["Transport"], path: "Sources/Pages",
      resources: ["graph.html", "graph.css", "graph.js", "list.html", "list.js"].map { .embedInCode("Files/\($0)") },
      swiftSettings: swift),
    library("ComponentSupport", ["Locking", "TSModel", "Observability", "Transport", "YAML"]),

    library(
      "QuerySupport",
      ["TSModel", "Observability", "PromQL", "StoreAPI", "HTTPAPI", "Transport", "ComponentSupport"]),

    // Components, one a folder
    component(
      "Tools",
      [
        "Locking",
        "TSModel", "Observability", "Storage", "ObjectStore", "BucketBlocks", "BlockFolders", "StoreServing", "PromQL",
        "HTTPAPI", "Transport", "ComponentSupport",
      ]),
    component(
      "StoreGateway",
      [
        "Locking",
        "TSModel", "Observability", "Storage", "ObjectStore", "BucketBlocks", "Transport", "StoreAPI", "StoreServing",
        "Pages", "ComponentSupport",
      ]),

    component(
      "Standalone",
      [
        "TSModel", "Observability", "PromQL", "HTTPAPI", "Transport", "StoreAPI", "StoreServing", "BlockFolders",
        "Pages", "QuerySupport",
        "ComponentSupport",
      ]),

    component(
      "Querier",
      [
        "Locking", "TSModel", "Observability", "PromQL", "HTTPAPI", "Transport", "StoreAPI", "StoreServing", "Pages",
        "QuerySupport", "ComponentSupport",
      ]),

    .executableTarget(
      name: "CLI", dependencies: ["Tools", "StoreGateway", "Standalone", "Querier", "ComponentSupport"],
      path: "Sources/CLI",
      swiftSettings: swift),

    // Tests
    .target(
      name: "TestSupport", dependencies: ["Locking", "TSModel", "Observability", "Transport"],
      path: "Tests/TestSupport",
      swiftSettings: swiftOfTests),
    tests("CTSDB", ["CTSDB"]),
    tests("TSModel", ["TSModel", "CTSDB", "RE2"]),
    tests("Storage", ["Storage", "PromQL", "TSModel", "CTSDB", "CMapping"]),
    tests("Observability", ["Observability"]),
    tests("CTransport", ["CTransport"]),
    tests("Transport", ["Transport", "CTransport", "TSModel", "Observability"]),
    tests("ObjectStore", ["ObjectStore", "TSModel", "Observability"]),
    tests("BucketBlocks", ["BucketBlocks", "ObjectStore", "Storage", "TSModel", "Observability"]),
    tests("PromQL", ["PromQL", "TSModel", "CTSDB"]),
    tests("HTTPAPI", ["HTTPAPI", "PromQL", "TSModel", "Transport", "Observability"]),
    tests("StoreAPI", ["StoreAPI", "TSModel", "CTSDB", "Transport"]),
    tests("StoreServing", ["StoreServing", "PromQL", "StoreAPI", "Storage", "TSModel", "Transport", "Observability"]),
    tests(
      "StoreGateway",
      [
        "StoreGateway", "StoreServing", "StoreAPI", "Storage", "ObjectStore", "Observability", "ComponentSupport",
        "TSModel", "Transport",
      ]),
    tests("ComponentSupport", ["ComponentSupport", "TSModel", "Observability", "Transport"]),
    tests(
      "Tools",
      ["Tools", "Storage", "TSModel", "ObjectStore", "BucketBlocks", "PromQL", "Observability", "ComponentSupport"]),
    tests("Tidy", []),
    tests("EndToEnd", []),
  ],
  cLanguageStandard: .c17,
  cxxLanguageStandard: .cxx17
)
