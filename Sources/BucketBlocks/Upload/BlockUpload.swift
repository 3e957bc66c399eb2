// A block from a folder of this machine into a bucket: chunks, index, and at last meta.json, so that who finds a meta finds a
// whole block. What a failure leaves behind is a partial block, which a compactor cleans away after two days.
public import ObjectStore
public import Storage
public import TSModel

/// Choices of an upload.
public struct BlockUploadOptions: Sendable {
  /// External labels to be set; those that the block has already stay, but for names that are in both.
  public var labels: [Labels.Label]
  /// Who uploads, for the meta: `sidecar`, `bucket.upload`, …
  public var source: String
  /// Files that are uploaded at a time.
  public var concurrency = 4
  /// Nanoseconds since the Unix epoch, for the meta.
  public var nowNs: @Sendable () -> Int64

  /// An upload by `source`, which sets `labels`.
  public init(source: String, labels: [Labels.Label] = [], nowNs: (@Sendable () -> Int64)? = nil) {
    self.source = source
    self.labels = labels
    self.nowNs = nowNs ?? { WallClock.nowNs() }
  }
}

/// Uploads the block in the folder at `path`, which is named like the block, and returns its meta as it is in the bucket.
///
/// The block is opened first: one that is damaged where opening looks is not uploaded. Throws `StorageError` for what is wrong
/// with the block (`.argument` where it would have no external labels: nobody could tell it from others then), `BucketError`
/// for what the bucket refuses.
@discardableResult
public func uploadBlock(
  from path: String, to bucket: any Bucket, options: BlockUploadOptions
) async throws -> BlockMeta {
  let (opened, files) = try await BlockingThreads.files.run { () throws(StorageError) in
    let block = try Block.open(path: path)
    return (block.meta, block.fileSizes.filter { $0.relativePath == "index" || $0.relativePath.hasPrefix("chunks/") })
  }
  var meta = opened
  let folderName = path.split(separator: "/").last.map(String.init) ?? path
  guard folderName == meta.ulid.description else {
    throw StorageError(.argument, "upload block \(path): its meta.json says that it is block \(meta.ulid)")
  }
  var section = meta.thanos ?? ThanosMeta(version: 0)
  let names = Set(options.labels.map(\.name))
  let labels = (section.labels ?? []).filter { !names.contains($0.name) } + options.labels
  guard !labels.isEmpty else {
    throw StorageError(.argument, "upload block \(path): empty external labels are not allowed for Thanos block")
  }
  section.labels = labels.sorted()
  section.source = options.source
  let chunks = files.filter { $0.relativePath != "index" }.sorted { $0.relativePath < $1.relativePath }
  section.segmentFiles = chunks.map { String($0.relativePath.dropFirst("chunks/".count)) }
  section.files =
    (files.map { ThanosMeta.File(relativePath: $0.relativePath, sizeBytes: Int64($0.byteCount)) }
    + [ThanosMeta.File(relativePath: "meta.json")]).sorted { $0.relativePath < $1.relativePath }

  let id = meta.ulid
  _ = try await concurrentMap(chunks.map(\.relativePath), width: options.concurrency) { name in
    try await bucket.upload("\(id)/\(name)", .file("\(path)/\(name)"))
  }
  try await bucket.upload("\(id)/index", .file("\(path)/index"))
  section.uploadTime = TimestampText.nanoseconds(unixNs: options.nowNs())
  meta.thanos = section
  try await bucket.upload("\(id)/meta.json", bytes: meta.thanosJSON())
  return meta
}

/// Which blocks of a data folder were uploaded: Thanos' file `thanos.shipper.json` beside them.
public struct ShipperState: Sendable, Equatable {
  /// The file's usual name.
  public static let fileName = "thanos.shipper.json"

  /// The blocks, in the order in which they were found.
  public var uploaded: [ULID]

  /// A state with these blocks.
  public init(uploaded: [ULID] = []) { self.uploaded = uploaded }

  /// Reads the bytes of the file; nil for what is no such file or of another version: then nothing counts as uploaded.
  public init?(json: [UInt8]) {
    var (uploaded, version): ([ULID], Int) = ([], 0)
    do throws(JSONError) {
      for member in try JSONValue(parsing: json).foldedMembers("shipper") {
        switch member.key {
        case "version": try member.value.read(into: &version, "version")
        case "uploaded":
          uploaded = []
          for element in try member.value.elements("uploaded") {
            var text = ""
            try element.read(into: &text, "uploaded")
            guard let id = ULID(text) else { return nil }
            uploaded.append(id)
          }
        default: continue
        }
      }
    } catch {
      return nil
    }
    guard version == 1 else { return nil }
    self.uploaded = uploaded
  }

  /// The bytes of the file.
  public var json: [UInt8] {
    let list = uploaded.isEmpty ? JSONValue.null : .array(uploaded.map { .string($0.description) })
    return Array(
      (JSONValue.object([.init("version", .integer(1)), .init("uploaded", list)]).indentedText() + "\n").utf8)
  }
}
