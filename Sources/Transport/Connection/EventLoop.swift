// The threads that sockets live on.
internal import CTransport
import Synchronization

/// One event loop on a thread of its own.
@safe final class EventLoop: @unchecked Sendable {
  /// Set once, given to C, which locks what threads share.
  let handle: OpaquePointer

  init() throws(TransportError) {
    guard let handle = unsafe transport_loop_new() else {
      throw TransportError(.io, "starting an event loop: the system gives no thread or no memory")
    }
    unsafe self.handle = handle
  }

  deinit { unsafe transport_loop_stop(handle) }

  /// Runs `task(context)` on the loop's thread. The context is lost where memory is: nothing can be done then.
  func post(_ context: UnsafeMutableRawPointer, _ task: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void) {
    _ = unsafe transport_loop_post(handle, task, context)
  }

  /// Runs `task(context)` at `deadline`, never earlier. On the loop's thread; nil where there is no memory.
  func startTimer(
    _ deadline: ContinuousClock.Instant, _ context: UnsafeMutableRawPointer,
    _ task: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
  ) -> OpaquePointer? {
    let left = deadline - .now
    // Rounded up.
    let ms =
      left <= .zero
      ? 0
      : UInt64(clamping: left.components.seconds) &* 1000
        &+ UInt64(clamping: (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    return unsafe transport_timer_start(handle, ms, task, context)
  }

  /// Runs `body` on the loop's thread and waits for what it gives.
  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
      let box = Box { continuation.resume(returning: body()) }
      unsafe post(Unmanaged.passRetained(box).toOpaque()) { context in
        guard let context = unsafe context else { return }
        unsafe Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
      }
    }
  }

  /// Runs `body` on the loop's thread, soon.
  func run(_ body: @escaping @Sendable () -> Void) {
    let box = Box(body)
    unsafe post(Unmanaged.passRetained(box).toOpaque()) { context in
      guard let context = unsafe context else { return }
      unsafe Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
    }
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}

/// Some event loops, over which connections are spread.
public final class EventLoopGroup: Sendable {
  let loops: [EventLoop]
  private let turn = Atomic<Int>(0)

  /// The first group takes the process's tasks to the threads of its loops.
  private static let takesTasks = transport_crew_take_tasks()

  /// Starts `count` loops (at least one). From the first one on, tasks that wait for sockets go on on the threads of the loops where
  /// what they waited for came in; those that take long delay no loop.
  public init(count: Int) throws(TransportError) {
    _ = Self.takesTasks
    var loops: [EventLoop] = []
    for _ in 0..<max(1, count) { loops.append(try EventLoop()) }
    self.loops = loops
  }

  /// The next loop in turn.
  var next: EventLoop {
    let turn = self.turn.wrappingAdd(1, ordering: .relaxed).oldValue
    return loops[Int(UInt(bitPattern: turn) % UInt(loops.count))]
  }
}
