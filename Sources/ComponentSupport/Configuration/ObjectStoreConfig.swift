// `--objstore.config`: which bucket a component works on.

/// The object store of a component.
public struct ObjectStoreConfig: Sendable {
  /// The kinds of store that Thanos knows.
  public enum Kind: String, Sendable, CaseIterable {
    /// A folder of this machine.
    case filesystem = "FILESYSTEM"
    /// Amazon S3 and what speaks like it.
    case s3 = "S3"
    /// Google Cloud Storage.
    case gcs = "GCS"
    /// Azure Blob Storage.
    case azure = "AZURE"
    /// OpenStack Swift.
    case swift = "SWIFT"
    /// Tencent Cloud.
    case cos = "COS"
    /// Alibaba Cloud.
    case aliyun = "ALIYUNOSS"
    /// Baidu Cloud.
    case bos = "BOS"
    /// Oracle Cloud.
    case oci = "OCI"
    /// Huawei Cloud.
    case obs = "OBS"
  }

  /// Which kind of store.
  public let kind: Kind
  /// Folder inside the bucket under which everything lies; empty for the bucket itself.
  public let prefix: String
  /// The fields of the kind, unread.
  public let config: YAMLNode?
  /// Of a folder, where it is; empty for other kinds.
  public let directory: String

  /// Kinds that exist here.
  public static let supported: Set<Kind> = [.filesystem]

  /// Reads the YAML of `--objstore.config`. Throws in Thanos' words: `bucket with type NOPE is not supported`,
  /// `missing directory for filesystem bucket`; `.unsupported` for a kind that Thanos has and Apus has not.
  public init(_ yaml: [UInt8]) throws(ConfigurationError) {
    let problems = YAMLProblems()
    let type: String
    do {
      var fields = YAMLFields(try YAMLDocument(yaml).root, as: "client.BucketConfig", problems)
      type = fields.string("type") ?? ""
      config = fields.take("config")
      prefix = fields.string("prefix") ?? ""
      fields.finish()
      try problems.check()
    } catch {
      throw error.within("parsing config YAML file")
    }
    guard let kind = Kind(rawValue: type.uppercased()) else {
      throw ConfigurationError(.value, "bucket with type \(type) is not supported")
    }
    self.kind = kind
    guard Self.supported.contains(kind) else {
      let known = Self.supported.map(\.rawValue).sorted().joined(separator: ", ")
      throw ConfigurationError(
        .unsupported, "bucket with type \(kind.rawValue) is not supported by Apus yet; supported: \(known)")
    }
    do throws(ConfigurationError) {
      let problems = YAMLProblems()
      var fields = YAMLFields(config, as: "filesystem.Config", strict: false, problems)
      directory = fields.string("directory") ?? ""
      fields.finish()
      try problems.check()
      if directory.isEmpty { throw ConfigurationError(.value, "missing directory for filesystem bucket") }
    } catch {
      throw error.within("create \(kind.rawValue) client")
    }
  }
}
