// Who may import whom: the layers of the design, held by a test.
import Foundation
import TestSupport
import Testing

/// What each target may import of ours and of the C libraries. A target that is not here is new: give it its line.
private let allowedImports: [String: Set<String>] = [
  "CTSDB": [],
  "CMapping": [],
  "RE2": [],
  "Locking": [],
  "Observability": ["Locking"],
  "TSModel": ["Locking", "CTSDB", "RE2"],
  "Storage": ["Locking", "CTSDB", "CMapping", "TSModel", "Observability", "Snappy", "Zstd", "LZ4"],
  "ObjectStore": ["Locking", "TSModel", "Observability", "Transport", "OpenSSL"],
  "BucketBlocks": ["Locking", "TSModel", "Observability", "Storage", "ObjectStore"],
  "PromQL": ["Locking", "CTSDB", "TSModel"],
  "StoreAPI": ["CTSDB", "TSModel", "Transport"],
  "HTTPAPI": ["Locking", "CTSDB", "TSModel", "Observability", "PromQL", "Transport"],
  "StoreServing": ["Locking", "CTSDB", "TSModel", "Observability", "Transport", "Storage", "StoreAPI", "PromQL"],
  "BlockFolders": ["Locking", "TSModel", "Observability", "Storage", "ObjectStore", "BucketBlocks", "StoreServing"],
  "Pages": ["Transport"],
  "CTransport": ["UV", "OpenSSL", "NGHTTP2", "HTTPParser"],
  "Transport": ["Locking", "CTransport", "TSModel", "Observability", "Curl", "CAres", "Zlib", "Zstd", "Snappy"],
  "ComponentSupport": ["Locking", "TSModel", "Observability", "Transport", "YAML"],
  "QuerySupport": ["TSModel", "Observability", "PromQL", "StoreAPI", "HTTPAPI", "Transport", "ComponentSupport"],
]

/// A component may import all libraries; it never imports another component, CTSDB or a C library.
private let allowedImportsOfComponents: Set<String> = [
  "Locking", "TSModel", "Observability", "Storage", "Transport", "ObjectStore", "BucketBlocks", "PromQL", "StoreAPI",
  "HTTPAPI",
  "StoreServing", "BlockFolders", "Pages", "ComponentSupport", "QuerySupport",
]

/// What the standard library and the system bring. Foundation is not among it.
private let systemModules: Set<String> = ["Swift", "Synchronization", "_Concurrency", "Glibc", "Musl", "Darwin"]

/// Targets that do no input or output: no system calls.
private let targetsWithoutSystemCalls: Set<String> = ["PromQL", "StoreAPI", "HTTPAPI"]

/// Targets that really need a part of FoundationEssentials, each with its decision in docs/decisions.
private let targetsWithFoundationEssentials: Set<String> = []

/// Headers that the C core may include besides its own.
private let headersOfCore: Set<String> = [
  "stdint.h", "stddef.h", "stdbool.h", "string.h", "assert.h", "limits.h", "math.h",
  // Intrinsics, in the variants that are built for them.
  "immintrin.h", "nmmintrin.h", "wmmintrin.h", "smmintrin.h", "x86intrin.h", "arm_neon.h", "arm_acle.h", "cpuid.h",
]

@Suite struct ImportTests {
  @Test func everyImportIsInTheTable() throws {
    let components = Set(SourceTree.files(below: "Sources/Components").compactMap(\.target))
    var seen = 0
    for file in SourceTree.files(below: "Sources", where: \.isSwift) {
      let target = try #require(file.target)
      let allowed: Set<String>
      if file.isComponent {
        allowed = allowedImportsOfComponents
      } else if target == "CLI" {
        allowed = components.union(["ComponentSupport"])
      } else {
        guard let entry = allowedImports[target] else {
          Issue.record(
            "\(file.path): target \(target) is not in the table of ImportTests.swift; give it its line there")
          continue
        }
        allowed = entry
      }
      for (number, line) in file.codeLines.enumerated() {
        guard
          let module = firstGroup(line, #"^\s*(?:@\S+\s+)*(?:\w+\s+)?import\s+(?:struct\s+|func\s+)?([A-Za-z0-9_]+)"#)
        else { continue }
        seen += 1
        let place = "\(file.path):\(number + 1)"
        if module == "FoundationEssentials" && targetsWithFoundationEssentials.contains(target) { continue }
        let isSystem = systemModules.contains(module)
        if isSystem && targetsWithoutSystemCalls.contains(target) && ["Glibc", "Musl", "Darwin"].contains(module) {
          Issue.record("\(place): \(target) makes no system calls; move what needs \(module) to the caller")
          continue
        }
        tidy(
          isSystem || module == target || allowed.contains(module),
          "\(place): \(target) may not import \(module); it may import \(allowed.sorted().joined(separator: ", "))")
        if ["CTSDB", "CMapping", "RE2", "CTransport", "Curl", "CAres", "Zlib", "Zstd", "Snappy", "OpenSSL", "YAML"]
          .contains(module)
        {
          tidy(
            !matches(line, #"public\s+import|@_exported"#),
            "\(place): import \(module) internally: a C type never appears in a public Swift signature")
        }
      }
    }
    #expect(seen > 10)
  }

  @Test func coreIncludesItsOwnHeadersOnly() {
    for file in SourceTree.files(below: "Sources/CTSDB", where: \.isC) {
      for (number, line) in file.lines.enumerated() {
        guard let header = firstGroup(line, ##"^\s*#\s*include\s*<([^>]+)>"##) else { continue }
        tidy(
          headersOfCore.contains(header),
          """
          \(file.path):\(number + 1): the C core does not include <\(header)>: it has no allocation, files, clocks, threads or \
          logging; allowed are \(headersOfCore.sorted().joined(separator: " "))
          """)
      }
    }
  }

  @Test func noTypeHasItsModulesName() {
    for file in SourceTree.files(below: "Sources", where: \.isSwift) {
      guard let target = file.target else { continue }
      for (number, line) in file.codeLines.enumerated() {
        tidy(
          !matches(line, #"\b(struct|class|enum|actor|protocol)\s+\#(target)\b"#),
          "\(file.path):\(number + 1): a type named like its module \(target) cannot be told from it; choose another noun"
        )
      }
    }
  }
}
