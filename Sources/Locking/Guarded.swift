// Values that several threads share under a lock.
//
// Synchronization.Mutex it is, everywhere but under the thread sanitizer: that does not see the futex of Swift 6.3's Mutex on Linux and
// reports correct programs. Built with APUS_SANITIZER=thread, the lock is one of pthreads, which it sees.
#if APUS_THREAD_SANITIZER
  internal import Glibc

  /// A value that is reached under its lock alone.
  @safe public final class Guarded<Value: ~Copyable>: @unchecked Sendable {
    // The lock makes what is below it safe to share.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let value: UnsafeMutablePointer<Value>

    /// Guards `value`.
    public init(_ value: consuming sending Value) {
      unsafe lock = .allocate(capacity: 1)
      unsafe pthread_mutex_init(lock, nil)
      unsafe self.value = .allocate(capacity: 1)
      unsafe self.value.initialize(to: value)
    }

    deinit {
      unsafe value.deinitialize(count: 1)
      unsafe value.deallocate()
      unsafe pthread_mutex_destroy(lock)
      unsafe lock.deallocate()
    }

    /// Runs `body` with the value, alone. What it throws is thrown.
    public func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
      unsafe pthread_mutex_lock(lock)
      defer { unsafe pthread_mutex_unlock(lock) }
      return try unsafe body(&value.pointee)
    }
  }
#else
  public import Synchronization

  /// A value that is reached under its lock alone.
  public typealias Guarded<Value: ~Copyable> = Mutex<Value>
#endif
