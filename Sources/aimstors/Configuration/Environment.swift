#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The variables that `surface` names.
///
/// Nothing else reads the environment.
struct Environment {
  let variables: [String: String]

  /// The variables of this process.
  static let live = Environment(
    variables: [
      "AIMSTORS_DATA", "AIMSTORS_PORT", "AIMSTORS_GRAPH_URL", "AIMSTORS_META_APP_SECRET",
      "AIMSTORS_META_VERIFY_TOKEN", "AIMSTORS_KEY_FILE", "AIMSTORS_ADMIN_URL",
      "AIMSTORS_ADMIN_TOKEN", "AIMSTORS_API_URL", "AIMSTORS_API_KEY", "AIMSTORS_SUPERVISED",
      "AIMSTORS_LOG_LEVEL",
      // From the program that launched this one.
      "AIMSTORS_INSTALLED",
      // Looked at by test builds only.
      "AIMSTORS_SABOTAGE", "AIMSTORS_CRASH_TENANT", "AIMSTORS_MOVE_STOPS",
    ].reduce(into: [:]) { found, name in
      if let value = getenv(name), value.pointee != 0 { found[name] = String(cString: value) }
    })

  subscript(name: String) -> String? { variables[name] }

  var dataDirectory: String { self["AIMSTORS_DATA"] ?? "./data" }
}
