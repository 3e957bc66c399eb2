// What a block says about itself: its file meta.json, by Prometheus or by Thanos. docs/formats/meta-json.md. The JSON is
// read and written in BlockMetaJSON.swift.
public import TSModel

/// The content of a block's `meta.json`.
public struct BlockMeta: Sendable, Equatable {
  /// What the block holds, in numbers. As the writer counted; `Block.verify` counts again.
  public struct Stats: Sendable, Equatable {
    /// Samples, floats and histograms.
    public var sampleCount: UInt64 = 0
    /// Float samples.
    public var floatSampleCount: UInt64 = 0
    /// Native histogram samples.
    public var histogramSampleCount: UInt64 = 0
    /// Series.
    public var seriesCount: UInt64 = 0
    /// Chunks.
    public var chunkCount: UInt64 = 0
    /// Intervals in the file of tombstones.
    public var tombstoneCount: UInt64 = 0

    /// Nothing counted.
    public init() {}
  }

  /// A block that this one was made from.
  public struct Parent: Sendable, Equatable {
    /// Its name.
    public var ulid: ULID
    /// First instant of its range, milliseconds.
    public var minTimeMs: Int64
    /// The instant after its range, milliseconds.
    public var maxTimeExclusiveMs: Int64

    /// A parent with everything said by the caller.
    public init(ulid: ULID, minTimeMs: Int64, maxTimeExclusiveMs: Int64) {
      self.ulid = ulid
      self.minTimeMs = minTimeMs
      self.maxTimeExclusiveMs = maxTimeExclusiveMs
    }
  }

  /// How the block came to be.
  public struct Compaction: Sendable, Equatable {
    /// 1 for a block that was cut from a head; one more for each compaction.
    public var level: Int = 0
    /// The blocks of level 1 that it goes back to.
    public var sources: [ULID] = []
    /// Whether compacting it left nothing, so that it may be deleted.
    public var isDeletable = false
    /// The blocks that it was made from directly.
    public var parents: [Parent] = []
    /// Whether compacting it failed, so that it is left out of plans.
    public var isFailed = false
    /// Where it comes from: `from-out-of-order`, `from-stale-series`, `from-selected-series`.
    public var hints: [String] = []

    /// Of level 0, from nothing.
    public init() {}
  }

  /// The block's name; all zeros where the file does not say.
  public var ulid: ULID
  /// First instant of its range, milliseconds since the Unix epoch.
  public var minTimeMs: Int64
  /// The instant after its range, milliseconds since the Unix epoch.
  public var maxTimeExclusiveMs: Int64
  /// What it holds.
  public var stats = Stats()
  /// How it came to be.
  public var compaction = Compaction()
  /// What Thanos adds, if it has been there.
  public var thanos: ThanosMeta?

  /// The one version of the file there is.
  public static let version = 1

  /// A block of this name and range `[minTimeMs, maxTimeExclusiveMs)` that holds nothing.
  public init(ulid: ULID, minTimeMs: Int64, maxTimeExclusiveMs: Int64) {
    self.ulid = ulid
    self.minTimeMs = minTimeMs
    self.maxTimeExclusiveMs = maxTimeExclusiveMs
  }

  /// The block's range as a closed one.
  public var timeRange: TimeRange {
    TimeRange(
      minTimeMs: minTimeMs, maxTimeMs: maxTimeExclusiveMs == .min ? .min : maxTimeExclusiveMs - 1)
  }
}

/// The section `thanos` of a block's `meta.json`.
public struct ThanosMeta: Sendable, Equatable {
  /// One file of the block.
  public struct File: Sendable, Equatable {
    /// Its digest.
    public struct Digest: Sendable, Equatable {
      /// How it was computed: `SHA256`.
      public var function: String = ""
      /// The digest, in hexadecimal.
      public var value: String = ""

      /// No digest of no function.
      public init() {}
    }

    /// Path below the block's folder.
    public var relativePath: String = ""
    /// Length in bytes; 0 where unknown (that of `meta.json` itself).
    public var sizeBytes: Int64 = 0
    /// Its digest, if one was computed.
    public var digest: Digest?

    /// A file of this path and size.
    public init(relativePath: String = "", sizeBytes: Int64 = 0, digest: Digest? = nil) {
      self.relativePath = relativePath
      self.sizeBytes = sizeBytes
      self.digest = digest
    }
  }

  /// One rewriting of the block.
  public struct Rewrite: Sendable, Equatable {
    /// The blocks it was made from.
    public var sources: [ULID] = []
    /// Deletions that were applied, as they were found.
    public var deletions: [JSONValue] = []
    /// Relabelings that were applied, as they were found.
    public var relabelings: [JSONValue] = []

    /// A rewriting of nothing.
    public init() {}
  }

  /// Version of the section: 1, or 0 where none is written, which is as good (Thanos' own sidecar writes none).
  public var version: Int
  /// External labels, sorted by the bytes of their names; nil where they were never set.
  public var labels: [Labels.Label]?
  /// Distance of downsampled samples, milliseconds; 0 for raw data.
  public var resolutionMs: Int64 = 0
  /// Who made it: `sidecar`, `receive`, `compactor`, `compactor.repair`, `ruler`, `bucket.repair`, `bucket.rewrite`,
  /// `bucket.upload`, `test`, or nothing where that is not known.
  public var source = ""
  /// Names of the files in `chunks/`.
  public var segmentFiles: [String] = []
  /// All files, sorted by path.
  public var files: [File] = []
  /// What was rewritten in it.
  public var rewrites: [Rewrite] = []
  /// The largest entry of a series in the index, bytes; 0 where unknown.
  public var seriesSizeBytesMax: Int64 = 0
  /// The largest chunk, bytes; 0 where unknown.
  public var chunkSizeBytesMax: Int64 = 0
  /// Anything that others keep in a block, as it was found.
  public var extensions: JSONValue?
  /// When it was uploaded, as RFC 3339 has it; the year 1 where it never was.
  public var uploadTime = "0001-01-01T00:00:00Z"

  /// A section in which nothing is set.
  public init(version: Int = 1) { self.version = version }

  /// The external labels as a label set.
  public var externalLabels: Labels { Labels(labels: labels ?? []) }
}
