// `apus tools bucket upload-blocks`: blocks of a data folder into a bucket, oldest first, as a sidecar would ship them.
internal import BucketBlocks
internal import ComponentSupport
internal import ObjectStore
internal import Observability
internal import Storage
internal import TSModel

enum UploadCommand {
  static let spec = CommandSpec(
    "upload-blocks", "Upload the blocks of a data folder into a bucket.",
    flags: [
      FlagSpec("path", .string, "The folder that holds the blocks.", default: "./data"),
      FlagSpec(
        "label", .string, "External label that the uploaded blocks get; at least one is needed.",
        placeholder: "<name>=\\\"<value>\\\"", repeatable: true),
      FlagSpec(
        "shipper.upload-compacted", .bool,
        "Upload blocks that were compacted, too: for a migration, with Prometheus' own compaction turned off."),
      FlagSpec(
        "shipper.upload-concurrency", .int, "Files of a block that are uploaded at a time.", default: "5"),
    ])

  static func run(_ command: ParsedCommand, _ logger: Logger) async throws {
    let labels: [Labels.Label]
    do throws(ConfigurationError) { labels = try LabelFlags.parse(command.texts("label")) } catch {
      throw BucketError(.argument, "error parsing label flag", cause: error)
    }
    guard !labels.isEmpty else {
      throw BucketError(
        .argument,
        "no external labels configured, uniquely identifying external labels must be configured; see "
          + "https://thanos.io/tip/thanos/storage.md#external-labels for details.")
    }
    let bucket = try BucketCommands.bucket(of: command, logger)
    let folder = command.text("path") ?? "./data"
    var options = BlockUploadOptions(source: "bucket.upload", labels: labels)
    options.concurrency = Int(clamping: max(1, command.integer("shipper.upload-concurrency") ?? 5))
    let uploaded = try await upload(
      folder: folder, to: bucket, options: options, compacted: command.isOn("shipper.upload-compacted"), logger)
    logger.info("synced blocks", ("uploaded", .int(uploaded.count)))
  }

  /// Uploads what is not in the bucket yet; the names of what was uploaded. A block that fails does not keep the others from
  /// being uploaded; the first failure is thrown at the end.
  static func upload(
    folder: String, to bucket: any Bucket, options: BlockUploadOptions, compacted: Bool, _ logger: Logger
  ) async throws -> [ULID] {
    let local = FolderBucket(path: folder)
    let state = await shipperState(local, logger)
    let known = Set(state?.uploaded ?? [])
    var (shipped, uploaded, failure): ([ULID], [ULID], (any Error)?) = ([], [], nil)
    for meta in try await metas(local, folder, logger, failure: &failure) {
      let id = meta.ulid
      if known.contains(id) {
        shipped.append(id)
        continue
      }
      if meta.stats.sampleCount == 0 { continue }
      if meta.compaction.level > 1, !compacted {
        logger.info("block was compacted; not uploaded without --shipper.upload-compacted", ("id", .describing(id)))
        continue
      }
      do {
        if try await !bucket.exists("\(id)/meta.json") {
          logger.info("upload new block", ("id", .describing(id)))
          try await uploadBlock(from: "\(folder)/\(id)", to: bucket, options: options)
          uploaded.append(id)
        }
        shipped.append(id)
      } catch {
        try Task.checkCancellation()
        logger.error("upload failed", ("id", .describing(id)), error: error)
        failure = failure ?? error
      }
    }
    do throws(BucketError) {
      // What was uploaded is looked up in the bucket where this is missing: a folder that may only be read is no failure.
      try await local.upload(ShipperState.fileName, bytes: ShipperState(uploaded: shipped).json)
    } catch {
      logger.warn("updating meta file failed", error: error)
    }
    if let failure { throw failure }
    return uploaded
  }

  private static func shipperState(_ local: FolderBucket, _ logger: Logger) async -> ShipperState? {
    do throws(BucketError) {
      let state = ShipperState(json: try await local.get(ShipperState.fileName))
      if state == nil { logger.warn("reading meta file failed, will override it") }
      return state
    } catch {
      if error.code == .notFound {
        logger.info("no meta file found, creating empty meta data to write later")
      } else {
        logger.warn("reading meta file failed, will override it", error: error)
      }
      return nil
    }
  }

  /// The metas of the folder's blocks, oldest first.
  private static func metas(
    _ local: FolderBucket, _ folder: String, _ logger: Logger, failure: inout (any Error)?
  ) async throws -> [BlockMeta] {
    var metas: [BlockMeta] = []
    for entry in try await local.entries(prefix: "") where entry.isFolder {
      guard let id = ULID(String(entry.baseName)) else { continue }
      do {
        var meta = try BlockMeta(json: try await local.get("\(entry.name)meta.json"))
        guard meta.ulid == id else {
          throw StorageError(.malformed, "block \(folder)/\(id): its meta.json says that it is block \(meta.ulid)")
        }
        meta.thanos?.files = []
        metas.append(meta)
      } catch {
        if (error as? BucketError)?.code == .notFound {
          logger.warn("no meta.json: not a block, or not finished", ("id", .describing(id)))
        } else {
          logger.error("reading meta failed", ("id", .describing(id)), error: error)
          failure = failure ?? error
        }
      }
    }
    return metas.sorted { ($0.minTimeMs, $0.ulid) < ($1.minTimeMs, $1.ulid) }
  }
}
