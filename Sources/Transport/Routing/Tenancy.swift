// Whose request it is.

/// How the tenant of a request is found.
public struct Tenancy: Sendable {
  /// Which field of a client certificate's subject names the tenant.
  public enum CertificateField: String, Sendable, CaseIterable {
    /// O
    case organization
    /// OU
    case organizationalUnit
    /// CN
    case commonName
  }

  /// The header (in lower case) that names the tenant; `thanos-tenant` counts as well.
  public var header: String
  /// The tenant of requests that name none.
  public var defaultTenant: String
  /// Where set, the certificate decides alone.
  public var certificateField: CertificateField?

  /// The field of requests between components, in HTTP and gRPC.
  public static let internalHeader = "thanos-tenant"

  /// Thanos' defaults.
  public init(
    header: String = Tenancy.internalHeader, defaultTenant: String = "default-tenant",
    certificateField: CertificateField? = nil
  ) {
    self.header = header.lowercased()
    self.defaultTenant = defaultTenant
    self.certificateField = certificateField
  }

  /// The tenant of a request with these fields from this peer. Throws `HTTPProblem` 400 where the name could be taken
  /// for a path, or where the certificate does not say what it must.
  public func tenant(headers: HTTPHeaders, peer: PeerInfo) throws(HTTPProblem) -> String {
    let tenant: String
    if let certificateField {
      tenant = try Self.tenant(certificateField, of: peer)
    } else {
      tenant = [headers[header], headers[Self.internalHeader]].compactMap { $0 }.first { !$0.isEmpty } ?? defaultTenant
    }
    guard Self.isValid(tenant) else { throw HTTPProblem(status: 400, "tenant name not valid") }
    return tenant
  }

  /// Whether `tenant` can be a tenant's name: these name folders and objects.
  public static func isValid(_ tenant: String) -> Bool {
    !tenant.isEmpty && tenant != "." && tenant != ".." && !tenant.utf8.contains(0x2F) && !tenant.utf8.contains(0)
  }

  private static func tenant(_ field: CertificateField, of peer: PeerInfo) throws(HTTPProblem) -> String {
    guard let tls = peer.tls else {
      throw HTTPProblem(status: 400, "could not get required certificate field from client cert")
    }
    let value: String?
    switch field {
    case .organization: value = tls.organizations.first
    case .organizationalUnit: value = tls.organizationalUnits.first
    case .commonName: value = tls.commonName.isEmpty ? nil : tls.commonName
    }
    guard let value else {
      throw HTTPProblem(status: 400, "could not get \(field.rawValue) field from client cert")
    }
    return value
  }
}
