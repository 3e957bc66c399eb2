// The pages for people: files of this folder that are part of the executable, and the routes that give them out.
public import Transport

/// The first page: a query box, tables and graphs.
public enum FirstPage {
  /// Adds `/` and `/graph` below `routePrefix`, and the files that they need. Links begin with `externalPrefix`. Both are empty,
  /// or begin with a slash.
  public static func add(to router: inout HTTPRouter, routePrefix: String, externalPrefix: String) {
    let html = String(decoding: PackageResources.graph_html, as: UTF8.self)
    let page = reply(Array(html.filling("{{PREFIX}}", with: externalPrefix).utf8), "text/html")
    router.get(routePrefix + "/graph", name: "graph") { _ in page }
    router.get(routePrefix + "/") { _ in page }
    if !routePrefix.isEmpty {
      router.get("/") { _ in .redirect(to: externalPrefix + "/graph") }
      router.get(routePrefix) { _ in .redirect(to: externalPrefix + "/graph") }
    }
    let style = reply(PackageResources.graph_css, "text/css")
    let script = reply(PackageResources.graph_js, "text/javascript")
    router.get(routePrefix + "/pages/graph.css") { _ in style }
    router.get(routePrefix + "/pages/graph.js") { _ in script }
  }

  /// Nothing of it may come from elsewhere, and no other page may show it within itself.
  private static let policy =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"

  private static func reply(_ bytes: [UInt8], _ type: String) -> HTTPReply {
    HTTPReply(
      headers: [
        "content-type": "\(type); charset=utf-8", "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
      ], body: bytes)
  }
}

extension String {
  /// This text with all places of `mark` replaced by `text`, of which characters that mean something in HTML are written as
  /// references.
  fileprivate func filling(_ mark: String, with text: String) -> String {
    var safe = ""
    for character in text {
      switch character {
      case "&": safe += "&amp;"
      case "<": safe += "&lt;"
      case "\"": safe += "&quot;"
      default: safe.append(character)
      }
    }
    // By bytes: the library for searching in texts would make the executable larger by a megabyte.
    let (bytes, wanted) = (Array(utf8), Array(mark.utf8))
    var (result, at) = ([UInt8](), 0)
    while at < bytes.count {
      if bytes[at...].starts(with: wanted) {
        result += Array(safe.utf8)
        at += wanted.count
      } else {
        result.append(bytes[at])
        at += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
