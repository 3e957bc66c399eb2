// `apus standalone` over folders of blocks, and the peer that it is compared with.
import Foundation
import TestSupport

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A standalone server over folders that others own.
final class RunningStandalone: RunningServer {
  init(blocks: [String], flags: [String] = []) throws {
    let folder = try TemporaryFolder("standalone")
    try super.init(
      ["standalone", "--data-dir=\(folder.file("data"))"] + blocks.map { "--blocks=\($0)" } + flags, folder: folder)
  }

  var url: String { "http://\(http)" }
}

/// A form posted to the query API.
func post(_ url: String, _ form: [(String, String)]) async throws -> (status: Int, body: Data) {
  guard let target = URL(string: url) else { throw TestSupportError("not a URL: \(url)") }
  var request = URLRequest(url: target)
  request.httpMethod = "POST"
  request.setValue("application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
  var allowed = CharacterSet.alphanumerics
  allowed.insert(charactersIn: "-._~")
  let text = form.map { name, value in
    "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")"
  }.joined(separator: "&")
  request.httpBody = Data(text.utf8)
  request.timeoutInterval = 120
  let (body, response) = try await URLSession.shared.data(for: request)
  return ((response as? HTTPURLResponse)?.statusCode ?? 0, body)
}
