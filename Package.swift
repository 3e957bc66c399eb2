// swift-tools-version: 6.2
// The package of Apus. It depends on no other Swift package: only on its own targets and on Debian's C libraries,
// each behind a target of its own in Sources/CLibraries. CONTRIBUTING.md tells the tour of the house.
import PackageDescription

// Warnings are errors where APUS_WARNINGS_AS_ERRORS is set (`make check` and CI set it), so that another compiler's
// new warning never stops a user's build.
let warningsAreErrors = Context.environment["APUS_WARNINGS_AS_ERRORS"] != nil

let swift: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
  ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

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
    name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)Tests",
    swiftSettings: swiftOfTests)
}

let package = Package(
  name: "apus",
  products: [
    .executable(name: "apus", targets: ["CLI"]),
    // For Benchmarks/, which is a package of its own.
    .library(name: "Core", targets: ["CTSDB", "TSModel", "Storage"]),
  ],
  targets: [
    // C core and C helpers
    cLibrary("CTSDB"),
    cLibrary("CMapping"),
    .target(
      name: "RE2", path: "Sources/CLibraries/RE2", publicHeadersPath: "include", cxxSettings: cxx,
      linkerSettings: [.linkedLibrary("re2")]),

    // Libraries
    library("TSModel", ["CTSDB", "RE2"]),
    library("Storage", ["CTSDB", "CMapping", "TSModel"]),
    library("ComponentSupport", ["TSModel"]),

    // Components, one a folder
    library("Tools", ["TSModel", "Storage", "ComponentSupport"], path: "Sources/Components/Tools"),

    .executableTarget(
      name: "CLI", dependencies: ["Tools", "ComponentSupport"], path: "Sources/CLI", swiftSettings: swift),

    // Tests
    .target(
      name: "TestSupport", dependencies: ["TSModel"], path: "Tests/TestSupport", swiftSettings: swiftOfTests),
    tests("CTSDB", ["CTSDB"]),
    tests("TSModel", ["TSModel", "CTSDB", "RE2"]),
    tests("Storage", ["Storage", "TSModel", "CTSDB", "CMapping"]),
    tests("ComponentSupport", ["ComponentSupport"]),
    tests("Tools", ["Tools", "Storage", "TSModel", "ComponentSupport"]),
    tests("Tidy", []),
    tests("EndToEnd", []),
  ],
  cLanguageStandard: .c17,
  cxxLanguageStandard: .cxx17
)
