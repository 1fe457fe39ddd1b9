import GraphSimulator

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A process's ``ProgramSlot`` in its data directory.
struct ProgramFile {
  let path: String

  init(dataDirectory: String) { path = dataDirectory + "/program.json" }

  /// A file that cannot be read counts as none: then the installed program runs.
  func load() -> ProgramSlot {
    guard let bytes = try? PrivateFile.read(path),
      let slot = try? JSONDecoder().decode(ProgramSlot.self, from: Data(bytes))
    else { return ProgramSlot() }
    return slot
  }

  func store(_ slot: ProgramSlot) throws(CommandFailure) {
    let bytes: Data
    do { bytes = try JSONEncoder().encode(slot) } catch {
      throw CommandFailure(.refused, code: "file_error", detail: "\(path): \(error)")
    }
    try PrivateFile.write(Array(bytes), to: path)
  }
}
