#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A thread of its own, for work that blocks: the kernel's waits never run on the shared pool.
public final class OwnThread: Sendable {
  private let finished = Monitor(false)

  /// Starts `body` at once.
  ///
  /// The name (at most 15 bytes count) shows in `top -H`.
  public init(name: String, _ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Start(name: name, finished: finished, body: body))
    #if canImport(Glibc)
      var handle = pthread_t()
    #else
      var handle: pthread_t?
    #endif
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let status = pthread_create(&handle, &attributes, Self.enter, box.toOpaque())
    pthread_attr_destroy(&attributes)
    precondition(status == 0, "the machine gave no thread: error \(status)")
  }

  /// How far a thread that stepped back stands behind the others, in steps of the kernel's: five
  /// leave it a third of an ordinary thread's share of a busy processor.
  public static let stepsBack: Int32 = 5

  /// Lets other threads go first from here on, until the calling thread ends.
  ///
  /// Of a busy machine it takes less than its part, of an idle one all. Only for threads of one's
  /// own that hold nothing for long that others wait for, and that start no others: a new thread
  /// stands where its maker does, and the way back needs a privilege. Best effort, as names are.
  /// (setpriority(2): on Linux the value is a thread's, and a `who` of 0 is the calling one.)
  static func stepBack() {
    #if canImport(Glibc)
      _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, stepsBack)
    #endif
  }

  /// Blocks until the body has returned.
  public func join() { finished.wait { $0 ? () : nil } }

  private final class Start: Sendable {
    let name: String
    let finished: Monitor<Bool>
    let body: @Sendable () -> Void

    init(name: String, finished: Monitor<Bool>, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.finished = finished
      self.body = body
    }
  }

  #if canImport(Glibc)
    private static let enter:
      @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? =
        { pointer in
          guard let pointer else { return nil }
          run(pointer)
          return nil
        }
  #else
    private static let enter: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? =
      { pointer in
        run(pointer)
        return nil
      }
  #endif

  private static func run(_ pointer: UnsafeMutableRawPointer) {
    let start = Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue()
    setName(start.name)
    start.body()
    start.finished.withLock { $0 = true }
    start.finished.broadcast()
  }

  /// Best effort: a thread without a name works as well.
  private static func setName(_ name: String) {
    #if canImport(Glibc)
      // The module map hides the GNU call, so the name goes through the kernel's file.
      let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return }
      _ = String(name.prefix(15)).withCString { write(descriptor, $0, strlen($0)) }
      close(descriptor)
    #else
      pthread_setname_np(name)
    #endif
  }
}
