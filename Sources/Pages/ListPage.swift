// Pages that show a list of what an endpoint of the API tells.
public import Transport

/// A page with a list.
public enum ListPage: String, Sendable {
  /// The blocks that a store serves, and those that are set aside, with the reasons: what `/api/v1/blocks` tells.
  case blocks
  /// The stores that are asked, with the failure of each that does not answer: what `/api/v1/stores` tells.
  case stores

  /// Adds the page at each of `paths` below `routePrefix`, and the files that it needs where `FirstPage` does not bring them. Links begin with
  /// `externalPrefix`. Both prefixes are empty, or begin with a slash.
  public func add(
    to router: inout HTTPRouter, at paths: [String], routePrefix: String = "", externalPrefix: String,
    besideFirstPage: Bool = false
  ) {
    let html = String(decoding: PackageResources.list_html, as: UTF8.self).filling("{{VIEW}}", with: rawValue)
    let page = PageFile.reply(Array(html.filling("{{PREFIX}}", with: externalPrefix).utf8), "text/html")
    for path in paths { router.get(routePrefix + path, name: rawValue) { _ in page } }
    let script = PageFile.reply(PackageResources.list_js, "text/javascript")
    router.get(routePrefix + "/pages/list.js") { _ in script }
    if besideFirstPage { return }
    let style = PageFile.reply(PackageResources.graph_css, "text/css")
    router.get(routePrefix + "/pages/graph.css") { _ in style }
  }
}
