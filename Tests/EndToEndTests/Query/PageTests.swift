// The first page in a real browser, used by keyboard alone; and the calls that Grafana makes.
import Foundation
import TestSupport
import Testing

@Suite struct PageTests {
  /// Runs actions in Chromium; what `get` actions printed. Tests/PeerPrograms/browser_keyboard.py says what there is.
  private func act(_ url: String, _ actions: [[String: String]]) throws -> [String] {
    let folder = try TemporaryFolder("keyboard")
    let lines = try actions.map { String(decoding: try JSONSerialization.data(withJSONObject: $0), as: UTF8.self) }
    try writeFile(folder.file("actions"), Array(lines.joined(separator: "\n").utf8))
    let result = try runProcess(
      try Peers.require("python"), [Fixtures.repository + "/Tests/PeerPrograms/browser_keyboard.py", url],
      input: folder.file("actions"), timeLimitSeconds: 120)
    try #require(result.exitCode == 0, "\(result.outputText)\(result.errorText)")
    return result.outputText.split(separator: "\n").map(String.init)
  }

  @Test(.needsPeers("python")) func aQueryIsAskedByKeyboardAndDrawn() throws {
    let server = try RunningStandalone(blocks: [try Fixtures.folder("prometheus/block-floats")])
    let tab = ["key": "Tab"]
    let seen = try act(
      server.url + "/",
      [
        ["wait": "document.activeElement.tagName == 'TEXTAREA'"], ["type": "node_temp"],
        ["wait": "document.querySelectorAll('[role=option]').length > 0"],
        ["get": "document.querySelector('[role=option] span').textContent"], ["key": "ArrowDown"], ["key": "Enter"],
        ["get": "document.activeElement.value"], tab, tab, ["get": "document.activeElement.textContent"], tab, tab, tab,
        tab, ["get": "document.activeElement.getAttribute('aria-label')"], ["type": "2025-06-01 01:30"],
        ["key": "Enter"], ["wait": "document.querySelectorAll('svg path').length > 0"],
        ["get": "document.querySelectorAll('svg path').length"],
        ["get": "performance.getEntriesByType('resource').every((entry) => entry.name.startsWith(location.origin))"],
        ["get": "location.pathname + location.search"],
      ])
    #expect(seen.count == 7, "\(seen)")
    #expect(seen[0] == seen[1] && seen[0].contains("node_temp"), "\(seen)")
    #expect(seen[2] == "\"Graph\"" && seen[3] == "\"End, UTC\"", "\(seen)")
    #expect((Int(seen[4]) ?? 0) > 0, "\(seen)")
    #expect(seen[5] == "true", "something came from another address")
    #expect(seen[6].contains("/graph?g0.expr=node_temp") && seen[6].contains("g0.tab=0"), "\(seen)")
  }

  @Test(.needsPeers("python")) func linksAndMistakesAreShown() throws {
    let server = try RunningStandalone(
      blocks: [try Fixtures.folder("prometheus/block-floats")], flags: ["--web.external-prefix=/apus"])
    let table = try act(
      server.url + "/apus/graph?g0.expr=count(%7B__name__%3D~%22.%2B%22%7D)&g0.tab=1&g0.end_input=2025-06-01%2001:30",
      [
        ["wait": "document.querySelector('td.value') != null"],
        ["get": "document.querySelector('td.value').textContent"],
      ])
    #expect(table.count == 1 && (Int(table[0].dropFirst().dropLast()) ?? 0) > 100, "\(table)")
    let mistake = try act(
      server.url + "/apus/graph?g0.expr=sum(",
      [["wait": "document.querySelector('.error') != null"], ["get": "document.querySelector('.error').textContent"]])
    #expect(mistake.count == 1 && mistake[0].contains("parse error: unclosed left parenthesis"), "\(mistake)")
  }

  /// The third tab: what the operations take, the one that takes most marked; by keyboard from the second.
  @Test(.needsPeers("python")) func whatAQueryTakesIsShownAsATree() throws {
    let server = try RunningStandalone(blocks: [try Fixtures.folder("prometheus/block-floats")])
    let query = "sum%20by%20(job)%20(last_over_time(%7B__name__%3D~%22.%2B%22%7D%5B5m%5D))%20%2F%202"
    let rows = "[...document.querySelectorAll('.operations tbody tr')]"
    let seen = try act(
      server.url + "/graph?g0.expr=\(query)&g0.tab=2&g0.end_input=2025-06-01%2001:30",
      [
        ["wait": "document.querySelectorAll('.operations .most').length == 1"],
        ["get": "\(rows).map((row) => row.cells[0].firstChild.textContent).join('|')"],
        ["get": "\(rows).map((row) => parseFloat(row.cells[0].style.paddingLeft)).join()"],
        ["get": "\(rows).reduce((sum, row) => sum + parseInt(row.cells[1].textContent), 0)"],
        ["get": "Math.max(...\(rows).map((row) => Number(row.cells[4].textContent)))"],
        ["get": "document.querySelectorAll('.note').length"], ["get": "location.search.includes('g0.tab=2')"],
        ["key": "Tab"], ["key": "Tab"], ["get": "document.activeElement.textContent"],
      ])
    #expect(seen.count == 7, "\(seen)")
    #expect(seen[0].contains("sum by (job)") && seen[0].contains("last_over_time("), "\(seen)")
    let depths = seen[1].filter { $0 != "\"" }.split(separator: ",").compactMap { Double($0) }
    #expect(depths.count >= 3 && depths[0] < depths[1] && depths[1] < depths[2], "\(seen)")
    #expect((95...105).contains(Int(seen[2]) ?? 0) && (Int(seen[3]) ?? 0) > 1000, "\(seen)")
    #expect(seen[4] == "0" && seen[5] == "true" && seen[6] == "\"Explain\"", "\(seen)")
  }

  @Test(.needsPeers("python")) func aStoreListsItsBlocks() throws {
    let good = try Fixtures.block("thanos/live-sidecar")
    let name = (good as NSString).lastPathComponent
    let store = try RunningStore(blocks: [good]) { folder in
      try FileManager.default.createDirectory(
        atPath: folder.file("bucket/01KJPB9Q30GS2PJP0KA1NEN3Q3"), withIntermediateDirectories: true)
      try writeFile(folder.file("bucket/01KJPB9Q30GS2PJP0KA1NEN3Q3/meta.json"), Array("{<b>".utf8))
    }
    for path in ["/", "/loaded", "/blocks"] {
      let seen = try act(
        "http://\(store.http)\(path)",
        [
          ["wait": "document.querySelectorAll('tbody tr').length == 2"],
          ["get": "[...document.querySelectorAll('h2')].map((title) => title.textContent).join()"],
          ["get": "document.querySelector('section:last-child tbody').textContent"],
          ["get": "document.querySelector('section tbody').textContent"],
        ])
      #expect(seen.count == 3, "\(seen)")
      #expect(seen[0] == "\"Set aside: 1,Served: 1\"", "\(seen)")
      #expect(seen[1].contains(name) && seen[1].contains("raw") && seen[1].contains("sidecar"), "\(seen)")
      #expect(seen[2].contains("corrupted-meta-json") && seen[2].contains("01KJPB9Q30GS2PJP0KA1NEN3Q3"), "\(seen)")
    }
    // By keyboard: the filter, and the order.
    let filtered = try act(
      "http://\(store.http)/",
      [
        ["wait": "document.querySelectorAll('tbody tr').length == 2"], ["key": "Tab"], ["key": "Tab"], ["key": "Tab"],
        ["get": "document.activeElement.id"], ["type": name],
        ["wait": "document.querySelectorAll('tbody tr').length == 1"],
        ["get": "[...document.querySelectorAll('h2')].map((title) => title.textContent).join()"], ["key": "Tab"],
        ["key": "Enter"], ["get": "document.activeElement.parentElement.getAttribute('aria-sort')"],
      ])
    #expect(filtered == ["\"filter\"", "\"Set aside: 0 of 1,Served: 1\"", "\"ascending\""], "\(filtered)")
    #expect(store.process.stop() == 0)
  }

  @Test(.needsPeers("python")) func aQuerierListsItsStoresWithTheirFailures() throws {
    let store = try RunningStore(blocks: [try Fixtures.block("thanos/live-sidecar")])
    let querier = try RunningQuerier([store.grpc, "127.0.0.1:1"])
    try querier.waitForStores(1)
    let seen = try act(
      querier.url + "/stores",
      [
        ["wait": "document.querySelectorAll('tbody tr').length == 2"],
        ["get": "document.querySelector('#lists').textContent"],
        ["get": "document.querySelector('#state').textContent"],
      ])
    #expect(seen.count == 2, "\(seen)")
    #expect(seen[0].contains(store.grpc) && seen[0].contains("up"), "\(seen)")
    #expect(seen[0].contains("down") && seen[0].contains("connection refused"), "\(seen)")
    #expect(seen[1] == "\"1 without an answer\"", "\(seen)")
    #expect(store.process.stop() == 0)
  }

  /// What Grafana's data source asks when it is saved, explored and drawn.
  @Test func grafanasCallsAreAnswered() async throws {
    let server = try RunningStandalone(blocks: [try Fixtures.folder("prometheus/block-floats")])
    let (start, end) = ("1748736000", "1748743190")
    func json(_ reply: (status: Int, body: Data)) throws -> [String: Any] {
      #expect(reply.status == 200, "\(String(decoding: reply.body.prefix(300), as: UTF8.self))")
      let object = try #require(try JSONSerialization.jsonObject(with: reply.body) as? [String: Any])
      #expect(object["status"] as? String == "success")
      return object
    }
    // Save and test.
    let test = try json(try await post(server.url + "/api/v1/query", [("query", "1+1"), ("time", end)]))
    #expect(((test["data"] as? [String: Any])?["result"] as? [Any])?.last as? String == "2")
    let build = try json(try await get(server.url + "/api/v1/status/buildinfo"))
    #expect((build["data"] as? [String: Any])?["version"] as? String != nil)
    // Names for the query builder, labels of one metric, their values.
    let names = try json(try await get(server.url + "/api/v1/label/__name__/values?start=\(start)&end=\(end)"))
    let name = try #require((names["data"] as? [String])?.first { $0.hasPrefix("http_requests") })
    let labels = try json(
      try await post(server.url + "/api/v1/labels", [("start", start), ("end", end), ("match[]", name)]))
    #expect((labels["data"] as? [String])?.contains("__name__") == true)
    _ = try json(try await get(server.url + "/api/v1/label/job/values?start=\(start)&end=\(end)&match%5B%5D=\(name)"))
    let series = try json(
      try await post(server.url + "/api/v1/series", [("match[]", name), ("start", start), ("end", end)]))
    #expect((series["data"] as? [Any])?.isEmpty == false)
    // A panel, with the headers and forms that Grafana sends.
    let panel = try json(
      try await post(
        server.url + "/api/v1/query_range",
        [("query", "rate(\(name)[5m])"), ("start", start), ("end", end), ("step", "15")]))
    #expect((((panel["data"] as? [String: Any])?["result"]) as? [Any])?.isEmpty == false)
    // Exemplars, metadata, rules and alerts: nothing to tell, in the right shape.
    let exemplars = try json(
      try await post(server.url + "/api/v1/query_exemplars", [("query", name), ("start", start), ("end", end)]))
    #expect((exemplars["data"] as? [Any])?.isEmpty == true)
    #expect(
      (try json(try await get(server.url + "/api/v1/metadata?limit=5"))["data"] as? [String: Any])?.isEmpty == true)
    let rules = try json(try await get(server.url + "/api/v1/rules"))
    #expect(((rules["data"] as? [String: Any])?["groups"] as? [Any])?.isEmpty == true)
    let alerts = try json(try await get(server.url + "/api/v1/alerts"))
    #expect(((alerts["data"] as? [String: Any])?["alerts"] as? [Any])?.isEmpty == true)
  }
}
