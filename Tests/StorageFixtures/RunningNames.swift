import Platform
import Storage
import Wire

/// In whose name a process works, as its file `running` says.
public struct RunningNames: Sendable {
  /// A thread's place in the file.
  private struct Place {
    var name: String
    var isTaken: Bool
    /// How often somebody was named there.
    var entered: UInt32
  }

  private static let placeBytes = 128
  private static let nameBytes = 64

  private let directory: String

  /// `directory` is the process's data directory.
  public init(_ directory: String) { self.directory = directory }

  private func places() throws -> [Place] {
    let bytes = try FileTree.bytes("\(directory)/running", LiveFileSystem())
    return stride(from: Self.placeBytes, to: bytes.count, by: Self.placeBytes).map { start in
      let place = Array(bytes[start..<start + Self.placeBytes])
      let entered = place[(Self.nameBytes + 4)..<(Self.nameBytes + 8)]
      return Place(
        name: String(decoding: place[2...].prefix(Int(place[1])), as: UTF8.self),
        isTaken: place[2 + Self.nameBytes] != 0,
        entered: entered.reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
  }

  /// The last name in each thread's place.
  public func all() throws -> [String] { try places().map(\.name) }

  /// The names under which threads worked that `work` began and that ended with it: not those of
  /// the writers, which have their places for good.
  public func names(during work: () async throws -> Void) async throws -> Set<String> {
    let before = try places()
    try await work()
    let changed = zip(before, try places()).filter { $0.entered != $1.entered && !$1.isTaken }
    return Set(changed.map(\.1.name))
  }
}
