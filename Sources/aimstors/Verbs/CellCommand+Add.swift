import ArgumentParser
import GraphSimulator
import Wire

extension CellCommand {
  /// One more cell on this machine.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start one more cell beside those that `aimstors up` runs here.",
      discussion: """
        Waits until it serves. It is started again with the others from then on, and stops a \
        minute after it has retired. Tenants come to it when they are new, by a move, or by \
        `aimstors rebalance`. For a cell on another machine see docs/how-to/add-a-cell.md.
        """)
    static let pollMilliseconds = 500

    @Argument(help: "The new cell's id.") var cell: String
    @Option(name: .long, help: "Its region; that of the first cell where none is named.")
    var region: String?
    @Option(name: .long, help: "Give up after this many seconds (exit code 4).") var timeout = 60
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let directory = try LocalSystem.absolute(Environment.live.dataDirectory)
      guard let local = try LocalDescription.read(directory) else {
        throw CommandFailure(
          .usage, code: "not_running",
          detail: "`aimstors up` does not run with the data in \(directory); AIMSTORS_DATA says "
            + "where its data are")
      }
      let api = try connection.connection()
      let known = try await api.list(.admin, "/v1/cells", limit: 1000)
      let entry = try entry(local, known, isLocal: api.isLocal)
      let began = ContinuousClock.now
      try AddedCells(dataDirectory: directory).add(entry)
      let cell = try await serving(entry.id, api, directory)
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      api.show(
        cell.with("seconds", .double((seconds * 10).rounded() / 10)),
        "\(entry.id) serves after \(Int(seconds.rounded(.up))) s")
    }

    /// The cell that is asked for, where it can be had here.
    private func entry(
      _ local: JSON, _ known: [JSON], isLocal: Bool
    ) throws(CommandFailure) -> AddedCells.Entry {
      guard let id = CellID(cell) else {
        throw CommandFailure(.usage, code: "invalid_identifier", detail: "\(cell) is not a cell id")
      }
      let name = region ?? known.first?.cell("region") ?? "local"
      guard let region = RegionID(name) else {
        throw CommandFailure(.usage, code: "invalid_identifier", detail: "\(name) is not a region")
      }
      guard isLocal, local["takes_cells"]?.bool == true else {
        throw CommandFailure(
          .usage, code: "not_here",
          detail: "a cell is added to the system of this machine, where that has one machine; for "
            + "others see docs/how-to/add-a-cell.md")
      }
      let names = known + (local["processes"]?.array ?? [])
      guard !names.contains(where: { $0["id"]?.string == id.rawValue }) else {
        throw CommandFailure(
          .refused, code: "conflict",
          detail: "\(id) is a process of this deployment, or was a cell of it; use another name")
      }
      return AddedCells.Entry(id: id, region: region)
    }

    /// Waits until the control plane hears the cell: from then on it places tenants there.
    private func serving(
      _ id: CellID, _ api: APIConnection, _ directory: String
    ) async throws -> JSON {
      let deadline = ContinuousClock.now + .seconds(timeout)
      while ContinuousClock.now < deadline {
        let found = try await api.list(.admin, "/v1/cells", limit: 1000).first {
          $0["id"]?.string == id.rawValue && $0["alive"]?.bool == true
            && $0["last_heartbeat_at"]?.string != nil
        }
        if let found { return found }
        try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      }
      throw CommandFailure(
        .timedOut, code: "not_joined",
        detail: "\(id) does not serve after \(timeout) s; see \(directory)/logs/\(id).log")
    }
  }
}
