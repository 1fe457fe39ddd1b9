#if DEBUG
  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif
#endif

/// Stops a tenant's move at one of its steps where a test build is told to: so that a test strikes
/// there, and not where chance has it.
///
/// `AIMSTORS_MOVE_STOPS` names a directory. A move that comes to a step of which a file stands
/// there makes `<step>.met` and waits until the step's file is gone; where that takes too long it
/// takes `<step>.met` back and goes on. A release build never does.
public enum MoveStops {
  /// The longest stop, in milliseconds: what waits for a move waits no longer.
  public static let longest = 2_500
  private static let look = Duration.milliseconds(2)

  #if DEBUG
    private static let directory: String? = getenv("AIMSTORS_MOVE_STOPS").map {
      String(cString: $0)
    }
  #endif

  public static func pass(_ step: String) async {
    #if DEBUG
      guard let directory, access("\(directory)/\(step)", F_OK) == 0 else { return }
      let met = open("\(directory)/\(step).met", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      guard met >= 0 else { return }
      close(met)
      let end = ContinuousClock.now + .milliseconds(longest)
      while access("\(directory)/\(step)", F_OK) == 0 {
        guard ContinuousClock.now < end else {
          unlink("\(directory)/\(step).met")
          return
        }
        try? await Task.sleep(for: look)
      }
    #endif
  }
}
