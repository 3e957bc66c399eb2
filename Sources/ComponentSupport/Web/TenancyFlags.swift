// The flags by which a component that answers queries tells tenants apart.
public import Transport

/// Names and defaults are Thanos'.
public enum TenancyFlags {
  /// In the order of `--help`.
  public static let all: [FlagSpec] = [
    FlagSpec("query.tenant-header", .string, "Field of a request that names its tenant.", default: "THANOS-TENANT"),
    FlagSpec(
      "query.default-tenant-id", .string, "Tenant of requests that name none.", default: Tenancy().defaultTenant),
    FlagSpec(
      "query.tenant-certificate-field", .enumeration([""] + Tenancy.CertificateField.allCases.map(\.rawValue)),
      "Part of the subject of the client's certificate that names the tenant, whatever the fields say.", default: ""),
    FlagSpec(
      "query.enforce-tenancy", .bool,
      "A request sees series of its own tenant alone: those with its name in the label of --query.tenant-label-name."),
    FlagSpec(
      "query.tenant-label-name", .string, "Label by which series belong to a tenant.", default: "tenant_id"),
  ]

  /// How requests name their tenant. Throws `ConfigurationError`.
  public static func tenancy(_ command: ParsedCommand) throws(ConfigurationError) -> Tenancy {
    func text(_ name: String, _ fallback: String) -> String {
      let text = command.text(name) ?? ""
      return text.isEmpty ? fallback : text
    }
    let tenancy = Tenancy(
      header: text("query.tenant-header", Tenancy.internalHeader),
      defaultTenant: text("query.default-tenant-id", Tenancy().defaultTenant),
      certificateField: command.text("query.tenant-certificate-field").flatMap(
        Tenancy.CertificateField.init(rawValue:)))
    guard Tenancy.isValid(tenancy.defaultTenant) else {
      throw ConfigurationError(
        .value,
        "--query.default-tenant-id=\(tenancy.defaultTenant): a tenant is no path; its name has no slash, and is not . or .."
      )
    }
    return tenancy
  }

  /// The label that requests see their tenant's series by; nil where they see all. Throws `ConfigurationError`.
  public static func enforcedLabel(_ command: ParsedCommand) throws(ConfigurationError) -> String? {
    guard command.isOn("query.enforce-tenancy") else { return nil }
    guard let label = command.text("query.tenant-label-name"), !label.isEmpty else {
      throw ConfigurationError(.value, "--query.tenant-label-name must name a label where tenancy is enforced")
    }
    return label
  }
}
