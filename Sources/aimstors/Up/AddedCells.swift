import GraphSimulator
import Platform
import Wire

/// Cells that `aimstors cell add` put beside the topology's on this machine: a file for each, which
/// `up` finds while it runs, and again at each start.
struct AddedCells {
  struct Entry: Hashable {
    let id: CellID
    let region: RegionID

    /// Wherever there is a free port.
    func cell(on machine: String) -> Topology.Cell {
      Topology.Cell(
        id: id.rawValue, machine: machine, region: region.rawValue, host: "127.0.0.1", port: 0,
        healthPort: 0)
    }
  }

  private static let suffix = ".json"
  private let directory: String

  init(dataDirectory: String) { directory = dataDirectory + "/added-cells" }

  /// In the order of their ids; a file that is no such thing is in nobody's way.
  func all() throws(CommandFailure) -> [Entry] {
    let files = LiveFileSystem()
    let names: [String]
    do {
      guard try files.exists(directory) else { return [] }
      names = try files.list(directory)
    } catch {
      throw CommandFailure(.refused, code: "file_error", detail: "\(directory): \(error)")
    }
    var entries: [Entry] = []
    for name in names.sorted() where name.hasSuffix(Self.suffix) {
      guard let bytes = try PrivateFile.read("\(directory)/\(name)"),
        let json = try? JSON(parsing: bytes),
        let region = json["region"]?.string.flatMap({ RegionID($0) }),
        let id = CellID(String(name.dropLast(Self.suffix.count)))
      else { continue }
      entries.append(Entry(id: id, region: region))
    }
    return entries
  }

  func add(_ entry: Entry) throws(CommandFailure) {
    try PrivateFile.createDirectory(directory)
    let content: JSON = ["region": JSON(entry.region.rawValue)]
    try PrivateFile.write(content.bytes(), to: path(entry.id))
  }

  func remove(_ id: CellID) { PrivateFile.remove(path(id)) }

  private func path(_ id: CellID) -> String { "\(directory)/\(id)\(Self.suffix)" }
}
