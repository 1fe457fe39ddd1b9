import Platform
import Storage
import Wire

/// Removes the archived journals of cells that nobody is on any more, a window after they were
/// first seen so: they have no process to do it, and all points of the window lie in other cells.
///
/// The last object and the claims stay: they say where the journal ends, and who may go on from
/// there. When a cell was first seen retired stands in a file; lost, the window begins anew.
struct RetiredJournals: Sendable {
  private let archive: Archive
  private let files: any FileSystem
  private let directory: String
  private let retention: Retention
  private let retired: @Sendable () async throws -> Set<CellID>

  init(_ environment: ArchiveEnvironment) {
    archive = environment.archive
    files = environment.files
    directory = environment.dataDirectory + "/retired"
    retention = environment.retention
    retired = environment.retiredCells
  }

  func look(at now: Timestamp) async throws {
    let retired = try await retired()
    var since = try await marks()
    for cell in since.keys where !retired.contains(cell) {
      since[cell] = nil
      try await change { files in try files.remove(path(cell)) }
    }
    for cell in retired.sorted() {
      guard let seen = since[cell] else {
        try await change { files in
          try files.createDirectory(directory)
          try FileTree.write(Array("\(now.milliseconds)".utf8), to: path(cell), files)
        }
        continue
      }
      guard retention.isOver(since: seen, at: now) else { continue }
      let names = try await archive.objects.list(ArchiveNames.journal(cell)).map(\.name)
      let heads = try await archive.objects.list(ArchiveNames.heads(cell)).map(\.name)
      for name in names.dropLast() + heads { try await archive.objects.remove(name) }
    }
  }

  private func path(_ cell: CellID) -> String { "\(directory)/\(cell)" }

  private func marks() async throws -> [CellID: Timestamp] {
    let (directory, files) = (directory, files)
    return try await Blocking.run("archive") {
      guard try files.exists(directory) else { return [:] }
      var found: [CellID: Timestamp] = [:]
      for name in try files.list(directory) {
        let text = String(
          decoding: try FileTree.bytes("\(directory)/\(name)", files), as: UTF8.self)
        guard let cell = CellID(name), let time = Int64(text) else { continue }
        found[cell] = Timestamp(milliseconds: time)
      }
      return found
    }.get()
  }

  private func change(_ body: @escaping @Sendable (any FileSystem) throws -> Void) async throws {
    let files = files
    try await Blocking.run("archive") { try body(files) }.get()
  }
}
