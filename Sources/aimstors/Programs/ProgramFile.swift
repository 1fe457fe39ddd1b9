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

  /// Without a file the installed program runs.
  ///
  /// Throws where there is one that cannot be read: what it named may be the only version that
  /// reads what stands here.
  func load() throws(CommandFailure) -> ProgramSlot {
    guard let bytes = try PrivateFile.read(path) else { return ProgramSlot() }
    do { return try JSONDecoder().decode(ProgramSlot.self, from: Data(bytes)) } catch {
      throw CommandFailure(
        .refused, code: "file_error",
        detail: "\(path) does not say which version runs here: put it back, or remove it where "
          + "the installed version is the one")
    }
  }

  func store(_ slot: ProgramSlot) throws(CommandFailure) {
    let bytes: Data
    do { bytes = try JSONEncoder().encode(slot) } catch {
      throw CommandFailure(.refused, code: "file_error", detail: "\(path): \(error)")
    }
    try PrivateFile.write(Array(bytes), to: path)
  }
}
