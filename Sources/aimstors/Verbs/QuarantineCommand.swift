import ArgumentParser
import GraphSimulator

struct QuarantineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quarantine", abstract: "Webhook parts that wait for their owner.",
    subcommands: [List.self, Replay.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List what waits, and why.")

    @Option(name: .long, help: "At most this many.") var limit = 100
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let entries = try await api.list(.admin, "/v1/quarantine", limit: limit)
      var table = Table("id", "received", "reason", "meta app", "tenant", "bytes")
      for entry in entries {
        // Four digits of base64 are three bytes.
        let digits = (entry["body_base64"]?.string ?? "").utf8
        let bytes = digits.count / 4 * 3 - digits.suffix(2).filter { $0 == 61 }.count
        table.add(
          entry.cell("id"), entry.cell("received_at"), entry.cell("reason"),
          entry.cell("meta_app"), entry.cell("tenant_id"), "\(bytes)")
      }
      api.show(["data": .array(entries), "next_cursor": .null], table.text)
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Deliver one now; refused while nobody owns it.")

    @Argument(help: "The entry's id.") var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(.admin, "POST", "/v1/quarantine/\(id)/replay")
      api.show(answer, "\(answer.cell("id")): \(answer.cell("state"))")
    }
  }
}
