// Buckets as configurations describe them.
public import Observability

/// The bucket in the folder `path`, or in the folder `prefix` of it, with its calls counted in `registry`. Throws `.argument`
/// for a prefix that no folder can have.
public func openFolderBucket(
  path: String, prefix: String = "", registry: MetricsRegistry? = nil
) throws(BucketError) -> any Bucket {
  var bucket: any Bucket = FolderBucket(path: path)
  if let registry { bucket = InstrumentedBucket(bucket, registry: registry) }
  // As in Thanos: a prefix of slashes only is none.
  if prefix.contains(where: { $0 != "/" }) { bucket = try PrefixedBucket(bucket, prefix: prefix) }
  return bucket
}
