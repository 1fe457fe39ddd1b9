import Platform
import Storage

extension FileSystem {
  /// Flips a bit of the byte at `place`, as a disk that decays.
  public func flip(_ path: String, at place: UInt64) throws {
    let file = try open(path, .update)
    defer { file.close() }
    try file.write([try file.bytes(at: place, count: 1)[0] ^ 0x10], at: place)
  }

  /// Flips a bit in the middle of each group of records in `journal` that is `chosen`; answers how
  /// many there were.
  public func spoilGroups(
    in journal: String, where chosen: (JournalInspection.Group) -> Bool
  ) throws -> Int {
    let groups = try JournalInspection.run(directory: journal, files: self, detail: .groups).groups
      .filter { $0.kind == "records" && chosen($0) }
    for group in groups {
      try flip("\(journal)/\(group.segment)", at: group.offset + UInt64(group.bytes / 2))
    }
    return groups.count
  }
}
