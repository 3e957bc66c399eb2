// Threads for work that blocks: reading files, faulting pages in. Tasks prefer them while they read blocks, so that the
// threads that all other tasks share never wait for a disk.
internal import Glibc

/// A fixed number of threads that run the jobs of tasks.
@safe public final class BlockingPool: TaskExecutor, @unchecked Sendable {
  /// What the threads share; it outlives the pool until the last of them has ended.
  @safe private final class Queue: @unchecked Sendable {
    // All of it under `mutex`.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs = unsafe [(job: UnownedJob, executor: UnownedTaskExecutor)]()
    private var next = 0
    private var isClosed = false

    init() {
      unsafe pthread_mutex_init(mutex, nil)
      unsafe pthread_cond_init(condition, nil)
    }

    deinit {
      unsafe pthread_cond_destroy(condition)
      unsafe pthread_mutex_destroy(mutex)
      unsafe condition.deallocate()
      unsafe mutex.deallocate()
    }

    func add(_ job: UnownedJob, _ executor: UnownedTaskExecutor) {
      unsafe pthread_mutex_lock(mutex)
      unsafe jobs.append((job, executor))
      unsafe pthread_cond_signal(condition)
      unsafe pthread_mutex_unlock(mutex)
    }

    func close() {
      unsafe pthread_mutex_lock(mutex)
      isClosed = true
      unsafe pthread_cond_broadcast(condition)
      unsafe pthread_mutex_unlock(mutex)
    }

    /// Runs jobs until the queue is closed and empty.
    func run() {
      unsafe pthread_mutex_lock(mutex)
      while true {
        if unsafe next < jobs.count {
          let (job, executor) = unsafe jobs[next]
          next += 1
          if unsafe next == jobs.count {
            unsafe jobs.removeAll(keepingCapacity: true)
            next = 0
          }
          unsafe pthread_mutex_unlock(mutex)
          unsafe job.runSynchronously(on: executor)
          unsafe pthread_mutex_lock(mutex)
        } else if isClosed {
          break
        } else {
          unsafe pthread_cond_wait(condition, mutex)
        }
      }
      unsafe pthread_mutex_unlock(mutex)
    }
  }

  private let queue = Queue()

  /// A pool of `threadCount` threads, which end with it.
  public init(threadCount: Int) {
    precondition(threadCount > 0, "a pool has at least one thread")
    for _ in 0..<threadCount {
      let argument = unsafe Unmanaged.passRetained(queue).toOpaque()
      var thread = pthread_t()
      let status = unsafe pthread_create(
        &thread, nil,
        { argument in
          guard let argument = unsafe argument else { return nil }
          unsafe Unmanaged<Queue>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, argument)
      precondition(status == 0, "a thread cannot be had")
      pthread_detach(thread)
    }
  }

  deinit { queue.close() }

  /// Lets a thread run `job`.
  public func enqueue(_ job: consuming ExecutorJob) {
    unsafe queue.add(UnownedJob(job), asUnownedTaskExecutor())
  }
}
