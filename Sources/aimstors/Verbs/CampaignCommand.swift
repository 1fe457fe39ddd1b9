import ArgumentParser
import GraphSimulator

struct CampaignCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "campaign", abstract: "Broadcasts of a template.",
    subcommands: [Create.self, Start.self, Show.self])

  /// Recipients in one page.
  static let pageSize = 10_000

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a campaign and load its recipients.",
      discussion: """
        Recipients come from a file: one line each, a phone number or user id, then the template's
        parameters, separated by tabs.
        """)

    @Option(name: .long) var name: String
    @Option(name: .long, help: "The number's id.") var number: String
    @Option(name: .long, help: "The template's name.") var template: String
    @Option(name: .long) var language = "en_US"
    @Option(name: .long, help: "The file of recipients.") var recipients: String?
    @Option(name: .long, help: "RFC 3339; default: when it is started.") var scheduledAt: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let lines = try recipients.map(CampaignCommand.recipients) ?? []
      let body: JSON = [
        "name": JSON(name), "number_id": JSON(number),
        "template": ["name": JSON(template), "language": JSON(language)],
      ]
      var campaign = try await api.send(
        .api, "POST", "/v1/campaigns", body.with("scheduled_at", scheduledAt.map { JSON($0) }))
      let id = campaign.cell("id")
      for (page, start) in stride(from: 0, to: lines.count, by: CampaignCommand.pageSize)
        .enumerated()
      {
        let part = lines[start..<min(start + CampaignCommand.pageSize, lines.count)]
        _ = try await api.send(
          .api, "POST", "/v1/campaigns/\(id)/recipients",
          ["page": JSON(page + 1), "recipients": .array(Array(part))],
          idempotencyKey: "\(id)-page-\(page + 1)")
      }
      if !lines.isEmpty { campaign = try await api.send(.api, "GET", "/v1/campaigns/\(id)") }
      api.show(campaign, CampaignCommand.text(campaign))
    }
  }

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start a campaign: holds its money, then sends.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let campaign = try await api.send(
        .api, "POST", "/v1/campaigns/\(id)/start", [:], idempotencyKey: "\(id)-start")
      api.show(campaign, CampaignCommand.text(campaign))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a campaign.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let campaign = try await api.send(.api, "GET", "/v1/campaigns/\(id)")
      api.show(campaign, CampaignCommand.text(campaign))
    }
  }

  /// The recipients of a file; throws where a line names nobody.
  static func recipients(_ path: String) throws(CommandFailure) -> [JSON] {
    guard let bytes = try PrivateFile.read(path) else {
      throw CommandFailure(.usage, code: "no_file", detail: "there is no \(path)")
    }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map { line in
      let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      let isUser = cells[0].dropFirst(2).first == "."
      return [
        isUser ? "user_id" : "to": JSON(cells[0]),
        "parameters": .array(cells.dropFirst().map { JSON($0) }),
      ]
    }
  }

  static func text(_ campaign: JSON) -> String {
    var text = "campaign \(campaign.cell("id")), \(campaign.cell("state"))"
    var counts = Table(
      "recipients", "queued", "accepted", "delivered", "read", "failed", "ambiguous")
    if let found = campaign["counts"] {
      counts.add(
        found.cell("recipients"), found.cell("queued"), found.cell("accepted"),
        found.cell("delivered"), found.cell("read"), found.cell("failed"),
        found.cell("ambiguous"))
      text += "\n" + counts.text
    }
    if let money = campaign["money"] {
      var table = Table("held", "captured", "released", "refunded")
      table.add(
        money.amount("held_micros"), money.amount("captured_micros"),
        money.amount("released_micros"), money.amount("refunded_micros"))
      text += "\n" + table.text
    }
    return text
  }
}
