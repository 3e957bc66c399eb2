// Threads for calls that may wait for a disk. Swift runs its tasks on a few threads, one a core, and a task that sits in a
// read of a cold file takes one of them from everybody; such work is handed to these instead.
#if canImport(Glibc)
  private import Glibc
#else
  private import Musl
#endif

/// A bounded number of threads of the system, started as work comes and ended when none has come for a while.
///
/// The queue in front of them is as long as there are tasks that wait, one piece of work each: whoever starts tasks bounds it.
/// A task that prefers them (`withTaskExecutorPreference`) runs on them between its suspensions.
@safe public final class BlockingThreads: TaskExecutor, @unchecked Sendable {
  // Sendable because all that changes is under `lock`.

  /// For reading and writing files: what blocks are read from and what buckets keep in a folder.
  public static let files = BlockingThreads(countMax: 16)

  /// The most threads there are at a time.
  public let countMax: Int

  private let idleSecondsMax: Int
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let arrival: UnsafeMutablePointer<pthread_cond_t>
  private var queue: [@Sendable () -> Void] = []
  private var nextIndex = 0
  private var threadCount = 0
  private var idleCount = 0

  /// Up to `countMax` threads, each of which ends after `idleSecondsMax` seconds without work.
  public init(countMax: Int, idleSecondsMax: Int = 10) {
    precondition(countMax > 0, "without threads nothing would ever run")
    self.countMax = countMax
    self.idleSecondsMax = idleSecondsMax
    unsafe lock = .allocate(capacity: 1)
    unsafe arrival = .allocate(capacity: 1)
    unsafe pthread_mutex_init(lock, nil)
    unsafe pthread_cond_init(arrival, nil)
  }

  deinit {
    // Every thread holds a reference: none is left.
    unsafe pthread_cond_destroy(arrival)
    unsafe pthread_mutex_destroy(lock)
    unsafe arrival.deallocate()
    unsafe lock.deallocate()
  }

  /// How many pieces of work wait for a thread, and how many threads are at work.
  public var load: (waiting: Int, running: Int) {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    return (queue.count - nextIndex, threadCount - idleCount)
  }

  /// Runs `work` on one of the threads and returns what it returns. It is not interrupted when the task is cancelled; work
  /// that takes long looks for itself. A task that prefers these threads is on one of them already: there it runs at once.
  public func run<Value: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    if isPreferred { return try work() }
    let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
      enqueue {
        do throws(Failure) {
          continuation.resume(returning: .success(try work()))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }

  /// Whether the current task prefers these threads.
  private var isPreferred: Bool {
    unsafe withUnsafeCurrentTask { task in
      guard let task = unsafe task else { return false }
      return unsafe task.unownedTaskExecutor == asUnownedTaskExecutor()
    }
  }

  /// Lets a thread run a task's `job`.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = unsafe asUnownedTaskExecutor()
    enqueue { unsafe job.runSynchronously(on: executor) }
  }

  private func enqueue(_ work: @escaping @Sendable () -> Void) {
    unsafe pthread_mutex_lock(lock)
    queue.append(work)
    let waiting = queue.count - nextIndex
    let mustStart = waiting > idleCount && threadCount < countMax
    if mustStart { threadCount += 1 } else { unsafe pthread_cond_signal(arrival) }
    unsafe pthread_mutex_unlock(lock)
    guard mustStart, !startThread() else { return }
    unsafe pthread_mutex_lock(lock)
    threadCount -= 1
    let isAlone = threadCount == 0
    unsafe pthread_mutex_unlock(lock)
    // The system gives no thread. Others will come to it; without any it runs here rather than never.
    if isAlone { while let work = takeWithoutWaiting() { work() } }
  }

  private func takeWithoutWaiting() -> (@Sendable () -> Void)? {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    return takeFirst()
  }

  /// The first piece of work in the queue; the lock is held.
  private func takeFirst() -> (@Sendable () -> Void)? {
    guard nextIndex < queue.count else { return nil }
    let work = queue[nextIndex]
    queue[nextIndex] = {}  // what it holds on to goes with it
    nextIndex += 1
    if nextIndex == queue.count {
      queue.removeAll(keepingCapacity: queue.capacity <= 1024)
      nextIndex = 0
    } else if nextIndex >= 1024, nextIndex * 2 >= queue.count {
      queue.removeFirst(nextIndex)
      nextIndex = 0
    }
    return work
  }

  private func startThread() -> Bool {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    unsafe pthread_attr_setstacksize(&attributes, 512 << 10)
    let reference = unsafe Unmanaged.passRetained(self)
    #if canImport(Glibc)
      var thread = pthread_t()
    #else
      var thread: pthread_t? = nil
    #endif
    let failure = unsafe pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<BlockingThreads>.fromOpaque(argument).takeRetainedValue().serve()
        return nil
      }, reference.toOpaque())
    if failure != 0 { unsafe reference.release() }
    return failure == 0
  }

  private func serve() {
    while let work = takeOrWait() { work() }
  }

  /// The next piece of work; nil where none came for so long that the thread should end.
  private func takeOrWait() -> (@Sendable () -> Void)? {
    unsafe pthread_mutex_lock(lock)
    defer { unsafe pthread_mutex_unlock(lock) }
    while true {
      if let work = takeFirst() { return work }
      var until = timespec()
      unsafe clock_gettime(CLOCK_REALTIME, &until)
      until.tv_sec += time_t(idleSecondsMax)
      idleCount += 1
      let result = unsafe pthread_cond_timedwait(arrival, lock, &until)
      idleCount -= 1
      if result == ETIMEDOUT, nextIndex == queue.count {
        threadCount -= 1
        return nil
      }
    }
  }
}
