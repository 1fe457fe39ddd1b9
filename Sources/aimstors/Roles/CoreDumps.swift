#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A process that dies leaves no copy of its memory: keys and tokens are in it.
enum CoreDumps {
  static func forbid() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    #if canImport(Glibc)
      _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    #else
      _ = setrlimit(RLIMIT_CORE, &none)
    #endif
  }
}
