#if DEBUG
  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif
#endif

/// Crashes the process on purpose where a test build is told to: what a tenant with a poisonous
/// command would do.
///
/// `AIMSTORS_CRASH_TENANT` names the tenant. A release build never does.
public enum CrashSwitch {
  #if DEBUG
    private static let tenant: String? = getenv("AIMSTORS_CRASH_TENANT").map {
      String(cString: $0)
    }
  #endif

  @inlinable
  public static func commandsOf(_ tenant: @autoclosure () -> String) {
    #if DEBUG
      crashIfChosen(tenant())
    #endif
  }

  #if DEBUG
    @usableFromInline
    static func crashIfChosen(_ name: String) {
      if let tenant, name == tenant { preconditionFailure("asked to crash with this tenant") }
    }
  #endif
}
