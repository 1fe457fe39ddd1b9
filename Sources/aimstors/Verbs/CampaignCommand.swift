import ArgumentParser
import GraphSimulator

struct CampaignCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "campaign", abstract: "Broadcasts of a template.",
    subcommands: [
      Create.self, List.self, Show.self, Start.self, Pause.self, Resume.self, Cancel.self,
    ])

  /// Recipients in one page.
  static let pageSize = 10_000

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a campaign and load its recipients.",
      discussion: """
        Recipients come from a file: one line each, a phone number or user id, then the template's
        parameters, separated by tabs. Where they are refused, the campaign is cancelled again.
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
      // Before anything is made: a file that cannot be read leaves no draft.
      let lines = try recipients.map(CampaignCommand.recipients) ?? []
      let body: JSON = [
        "name": JSON(name), "number_id": JSON(number),
        "template": ["name": JSON(template), "language": JSON(language)],
      ]
      var campaign = try await api.send(
        .api, "POST", "/v1/campaigns", body.with("scheduled_at", scheduledAt.map { JSON($0) }))
      let id = campaign.cell("id")
      do throws(CommandFailure) {
        try await Self.load(lines, into: id, api)
      } catch {
        throw await Self.undone(id, api, error)
      }
      if !lines.isEmpty { campaign = try await api.send(.api, "GET", "/v1/campaigns/\(id)") }
      api.show(campaign, CampaignCommand.text(campaign))
    }

    private static func load(
      _ lines: [JSON], into id: String, _ api: APIConnection
    ) async throws(CommandFailure) {
      let starts = stride(from: 0, to: lines.count, by: CampaignCommand.pageSize)
      for (page, start) in starts.enumerated() {
        let part = lines[start..<min(start + CampaignCommand.pageSize, lines.count)]
        _ = try await api.send(
          .api, "POST", "/v1/campaigns/\(id)/recipients",
          ["page": JSON(page + 1), "recipients": .array(Array(part))],
          idempotencyKey: "\(id)-page-\(page + 1)")
      }
    }

    /// Takes the draft away whose recipients were refused; says so beside the reason.
    private static func undone(
      _ id: String, _ api: APIConnection, _ failure: CommandFailure
    ) async -> CommandFailure {
      let end: String
      do throws(CommandFailure) {
        _ = try await api.send(
          .api, "POST", "/v1/campaigns/\(id)/cancel", [:], idempotencyKey: "\(id)-cancel")
        end = "campaign \(id) is cancelled"
      } catch {
        end = "campaign \(id) is still a draft: \(error.detail)"
      }
      return CommandFailure(
        failure.exitCode, code: failure.code, detail: "\(failure.detail); \(end)",
        document: failure.document.with("campaign_id", JSON(id)))
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

  /// The recipients of a file.
  ///
  /// Throws `no_file`, `no_recipients`, and `invalid_line` naming a line that names nobody.
  static func recipients(_ path: String) throws(CommandFailure) -> [JSON] {
    guard let bytes = try PrivateFile.read(path) else {
      throw CommandFailure(.usage, code: "no_file", detail: "there is no \(path)")
    }
    var recipients: [JSON] = []
    let lines = String(decoding: bytes, as: UTF8.self)
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
      let cells = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard !cells[0].isEmpty else {
        throw CommandFailure(
          .usage, code: "invalid_line",
          detail: "\(path):\(index + 1) names no phone number and no user id")
      }
      let isUser = cells[0].dropFirst(2).first == "."
      recipients.append([
        isUser ? "user_id" : "to": JSON(cells[0]),
        "parameters": .array(cells.dropFirst().map { JSON($0) }),
      ])
    }
    guard !recipients.isEmpty else {
      throw CommandFailure(.usage, code: "no_recipients", detail: "\(path) names nobody")
    }
    return recipients
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
