import Platform

/// Room for what the archive makes beside what is served: copies of files, restores, drills.
///
/// The journal of everybody lies on the same disk; who would fill it is told so before.
struct CopyRoom: Sendable {
  /// What stays free: two segments of the journal, and no more than a move was promised to leave.
  static let reserveBytes: UInt64 = 128 * 1_024 * 1_024

  private let files: any FileSystem

  init(_ files: any FileSystem) { self.files = files }

  /// Throws ``ArchiveError/noRoom(_:)`` where `bytes` do not fit on the directory's disk.
  func demand(_ bytes: UInt64, in directory: String) throws {
    let free = try files.freeBytes(directory)
    guard free >= Self.reserveBytes, bytes <= free - Self.reserveBytes else {
      throw ArchiveError.noRoom(
        "\(bytes) bytes do not fit into \(free) free ones beside \(Self.reserveBytes) kept free")
    }
  }
}
