// The pages for people: files of this folder that are part of the executable, and the routes that give them out.
public import Transport

/// The first page: a query box, tables and graphs.
public enum FirstPage {
  /// Adds `/` and `/graph` below `routePrefix`, and the files that they need. Links begin with `externalPrefix`. Both are empty,
  /// or begin with a slash.
  public static func add(to router: inout HTTPRouter, routePrefix: String, externalPrefix: String) {
    let html = String(decoding: PackageResources.graph_html, as: UTF8.self)
    let page = PageFile.reply(Array(html.filling("{{PREFIX}}", with: externalPrefix).utf8), "text/html")
    router.get(routePrefix + "/graph", name: "graph") { _ in page }
    router.get(routePrefix + "/") { _ in page }
    if !routePrefix.isEmpty {
      router.get("/") { _ in .redirect(to: externalPrefix + "/graph") }
      router.get(routePrefix) { _ in .redirect(to: externalPrefix + "/graph") }
    }
    let style = PageFile.reply(PackageResources.graph_css, "text/css")
    let script = PageFile.reply(PackageResources.graph_js, "text/javascript")
    router.get(routePrefix + "/pages/graph.css") { _ in style }
    router.get(routePrefix + "/pages/graph.js") { _ in script }
  }
}
