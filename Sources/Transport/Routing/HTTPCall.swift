// A request as a route sees it.
public import Observability
internal import TSModel

/// A request that matched a route.
public struct HTTPCall: Sendable {
  /// The request itself.
  public let request: HTTPServerRequest
  /// The parts of the path that the route leaves open, by their names, decoded; `*` is what a prefix leaves.
  public let pathParameters: [String: String]
  /// The same as bytes, which need not be UTF-8.
  public let pathBytes: [String: [UInt8]]
  /// The request's id: its field `x-request-id`, else a new ULID.
  public let requestID: String
  /// The span of the request.
  public internal(set) var span: Span?

  init(_ request: HTTPServerRequest, pathBytes: [String: [UInt8]]) {
    self.request = request
    self.pathBytes = pathBytes
    pathParameters = pathBytes.mapValues { String(decoding: $0, as: UTF8.self) }
    let given = request.head.headers["x-request-id"] ?? ""
    requestID = given.isEmpty ? ULID.generate().description : String(given.prefix(Self.requestIDLengthMax))
  }

  /// Longer ids are cut.
  static let requestIDLengthMax = 128

  /// `GET`, `POST` …
  public var method: String { request.head.method }

  /// The fields of the request.
  public var headers: HTTPHeaders { request.head.headers }

  /// The parameters of the URL. Throws `HTTPProblem` 400 where they are malformed.
  public func query() throws -> FormParameters {
    do { return try FormParameters(request.head.query ?? "") } catch {
      throw HTTPProblem(status: 400, error.description)
    }
  }

  /// The parameters of a form's body, then those of the URL, as Go's `ParseForm` has them. The body may have 10 MiB, as
  /// there.
  public func form() async throws -> FormParameters {
    let query = try query()
    guard isForm else { return query }
    let body = try await request.collectBody(limitBytes: Self.formBytesMax)
    do {
      var parameters = try FormParameters(String(decoding: body, as: UTF8.self))
      parameters.append(query)
      return parameters
    } catch {
      throw HTTPProblem(status: 400, error.description)
    }
  }

  /// The same, leaving out what is malformed; `malformed` says of the first such parameter what is wrong with it.
  public func legibleForm() async throws -> (parameters: FormParameters, malformed: FormParameters.Malformed?) {
    var parameters = FormParameters()
    var malformed: FormParameters.Malformed?
    if isForm {
      let body = try await request.collectBody(limitBytes: Self.formBytesMax)
      malformed = parameters.append(legibleOf: String(decoding: body, as: UTF8.self))
    }
    let ofURL = parameters.append(legibleOf: request.head.query ?? "")
    return (parameters, malformed ?? ofURL)
  }

  private static let formBytesMax = 10 << 20

  private var isForm: Bool {
    guard ["POST", "PUT", "PATCH"].contains(method),
      let type = headers["content-type"]?.split(separator: ";").first
    else { return false }
    return type.lowercased() == "application/x-www-form-urlencoded"
  }
}
