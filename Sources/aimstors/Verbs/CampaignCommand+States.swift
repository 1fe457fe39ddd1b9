import ArgumentParser
import GraphSimulator

extension CampaignCommand {
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List campaigns, newest first.")

    @Option(name: .long, help: "At most this many.") var limit = 100
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let campaigns = try await api.list(.api, "/v1/campaigns", limit: limit)
      var table = Table("id", "name", "state", "since", "recipients", "queued", "failed", "held")
      for campaign in campaigns {
        let counts = campaign["counts"] ?? [:]
        table.add(
          campaign.cell("id"), campaign.cell("name"), campaign.cell("state"),
          campaign.cell("since"), counts.cell("recipients"), counts.cell("queued"),
          counts.cell("failed"), (campaign["money"] ?? [:]).amount("held_micros"))
      }
      api.show(["data": .array(campaigns), "next_cursor": .null], table.text)
    }
  }

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start a campaign: holds its money, then sends.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      // One key for all starts: a campaign starts once.
      try await CampaignCommand.change(id, "start", connection, idempotencyKey: "\(id)-start")
    }
  }

  struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Pause a campaign: what has been claimed is still sent.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws { try await CampaignCommand.change(id, "pause", connection) }
  }

  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Go on with a paused campaign.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws { try await CampaignCommand.change(id, "resume", connection) }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End a campaign and release what is held for it.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws { try await CampaignCommand.change(id, "cancel", connection) }
  }

  private static func change(
    _ id: String, _ verb: String, _ connection: ConnectionOptions, idempotencyKey: String? = nil
  ) async throws {
    let api = try connection.connection()
    let campaign = try await api.send(
      .api, "POST", "/v1/campaigns/\(id)/\(verb)", [:], idempotencyKey: idempotencyKey)
    api.show(campaign, text(campaign))
  }
}
