import Platform
import Storage
import Wire

/// In whose name a process works, as its file `running` says.
public struct RunningNames: Sendable {
  /// What stands in a place before somebody is named there.
  public static let nobody = "nobody"

  private let directory: String
  private let running: RunningTenants

  /// `directory` is the process's data directory.
  public init(_ directory: String, _ running: RunningTenants) {
    self.directory = directory
    self.running = running
  }

  /// The last name in each thread's place.
  public func all() throws -> [String] {
    let bytes = try FileTree.bytes("\(directory)/running", LiveFileSystem())
    return stride(from: 128, to: bytes.count, by: 128).map { start in
      String(decoding: bytes[(start + 2)...].prefix(Int(bytes[start + 1])), as: UTF8.self)
    }
  }

  /// The last name under which a thread worked that `work` began; ``nobody`` where none said one.
  ///
  /// Only while nobody else begins a thread that names somebody: looked at is the first free place.
  public func name(during work: () async throws -> Void) async throws -> String {
    let running = running
    try await Blocking.run("nobody") {
      running.during(TenantID(trusted: Self.nobody)) {}
    }.get()
    guard let place = try all().firstIndex(of: Self.nobody) else { return "no place is free" }
    try await work()
    return try all()[place]
  }
}
