import ArgumentParser
import GraphSimulator
import Platform
import Storage
import Wire

extension TenantCommand {
  /// Works on the cell's files, because a tenant that crashes its cell must be releasable while the
  /// cell is down; a running cell serves it again from its next start on.
  struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a tenant out of quarantine, on the machine of its cell.")

    @Argument(help: "The tenant's id.") var id: String
    @Option(name: .long, help: "The cell's data directory, e.g. data/cells/cell-1.")
    var cellData: String
    @Flag(name: .long, help: "Print one JSON object as the last line.") var json = false

    func run() async throws {
      guard let tenant = TenantID(id) else { throw ValidationError("\(id) is not a tenant id") }
      let file = CrashFile(
        directory: try LocalSystem.absolute(cellData), files: LiveFileSystem())
      let wasReleased: Bool
      do {
        wasReleased = try file.release(tenant)
      } catch {
        throw CommandFailure(.refused, code: "file_error", detail: "\(error)")
      }
      guard wasReleased else {
        throw CommandFailure(
          .refused, code: "not_quarantined", detail: "\(id) is not in quarantine in \(cellData)")
      }
      let answer: JSON = ["tenant_id": JSON(id), "released": true, "effective": "at_cell_restart"]
      Console.out(
        json ? answer.serialized() : "\(id) is released; restart its cell to serve it again")
    }
  }
}
