import Archive
import Cryptography
import Foundation
import GraphSimulator
import Platform
import Testing
import Trust
import Wire

@testable import Storage
@testable import aimstors

/// Every secret of a whole run, looked for in everything that the system leaves behind.
///
/// Serialized with nothing: it starts a system of its own.
@Suite(.serialized) struct SecretsTests {
  private static let password = "correct horse battery staple"
  private static let newPassword = "a wholly new password 7"
  private static let hookSecret = "whsec_0123456789abcdefghij"

  /// What may hold secrets by design, each readable by its owner alone: keys, what children are
  /// told, addresses and tokens for whoever runs it, letters of a machine without a mail server.
  private static let exempt = ["/keys/", "/run/", "/local.json", "/demo.json", "/mail/"]

  /// The secrets that a run has used, by what they are.
  private final class Book {
    var secrets: [(name: String, text: String)] = []
    func note(_ name: String, _ text: String?) throws {
      let text = try #require(text, "\(name)")
      #expect(text.utf8.count >= 6, "\(name)")
      secrets.append((name, text))
    }
  }

  @Test func `no secret of a run stands in logs, journal, files, archive or ps`() async throws {
    try await LiveSystem.with { system in
      let book = Book()
      try await use(system, book)
      let local = try system.local()
      let pids = (local["processes"]?.array ?? []).compactMap { $0["pid"]?.integer }
      #expect(pids.count >= 5 && book.secrets.count >= 20)
      // Everything is on the disk, and the archive has what the journal has.
      let health = (local["processes"]?.array ?? []).map { $0.cell("health_url") }
      try await PrivateSystem.wait("the archive has all of the journals", seconds: 120) {
        () async throws(CommandFailure) in
        var lags: [Substring] = []
        for url in health {
          let page = try? await HTTPCaller().call("GET", url + "/metrics")
          lags += String(decoding: page?.body ?? [], as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix("aimstors_archive_lag_records") }
        }
        // Two cells and the control plane.
        return lags.count >= 3 && lags.allSatisfy { $0.hasSuffix(" 0") }
      }
      var looked = 0
      for path in Self.files(in: system.data)
      where !Self.exempt.contains(where: { path.dropFirst(system.data.count).contains($0) }) {
        guard let content = FileManager.default.contents(atPath: path) else { continue }
        looked += 1
        Self.search([UInt8](content), book, path)
      }
      #expect(looked > 20)
      // Payloads of records are compressed: they are looked at as they were.
      var records = 0
      for cell in ["cells/cell-1", "cells/cell-2", "control-plane"] {
        var scanner = JournalScanner(
          directory: "\(system.data)/\(cell)/journal", cell: nil, generation: nil,
          files: LiveFileSystem())
        _ = try scanner.run { _, found in
          records += found.count
          for record in found { Self.search(record, book, "a record") }
        }
      }
      #expect(records > 50)
      #expect(try Self.searchArchive(system, book) > 50)
      for pid in pids {
        let arguments = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")
        Self.search([UInt8](arguments ?? Data()), book, "the arguments of \(pid)")
        let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ")
        Self.search([UInt8](environment ?? Data()), book, "the environment of \(pid)")
        let limits = FileManager.default.contents(atPath: "/proc/\(pid)/limits") ?? Data()
        let line = String(decoding: limits, as: UTF8.self).split(separator: "\n")
          .first { $0.hasPrefix("Max core file size") }
        let words = line?.split(separator: " ") ?? []
        #expect(words.contains("0") && !words.contains("unlimited"), "\(pid) may dump its core")
      }
      // The search itself finds what is there.
      let found = Self.places(Array("x\(Self.password)y".utf8), book)
      #expect(found.contains("password"))
    }
  }

  private static func search(_ record: JournalRecord, _ book: Book, _ place: String) {
    guard let payload = try? record.decodedPayload() else { return }
    let place = "\(place) of \(record.identity.tenant)"
    for command in payload.commands {
      search(
        command.changes + Array("\(command.requestID) \(command.traceID)".utf8), book, place)
    }
    search(payload.detail, book, place)
  }

  /// Looks into every object as whoever holds the archive's key would; answers how many records
  /// were in them.
  private static func searchArchive(_ system: LiveSystem, _ book: Book) throws -> Int {
    let keys = try ArchiveKeyFile.require("\(system.data)/keys/archive.key")
    let sealer = ObjectSealer(keys: ArchiveKeyRing(keys), random: LiveRandomSource())
    let root = system.data + "/archive/"
    var records = 0
    for path in files(in: system.data + "/archive") {
      let name = String(path.dropFirst(root.count))
      guard let object = FileManager.default.contents(atPath: path),
        let content = try? sealer.open([UInt8](object), as: name)
      else { continue }
      search(content, book, name)
      guard let groups = try? JournalObject.decode(content, as: name) else { continue }
      for record in try groups.flatMap({ try $0.records() }) {
        records += 1
        search(record, book, name)
      }
    }
    return records
  }

  private static func search(_ bytes: [UInt8], _ book: Book, _ place: String) {
    for name in places(bytes, book) { Issue.record("\(name) stands in \(place)") }
  }

  private static func places(_ bytes: [UInt8], _ book: Book) -> [String] {
    let data = Data(bytes)
    return book.secrets.filter { data.range(of: Data($0.text.utf8)) != nil }.map(\.name)
  }

  private static func files(in directory: String) -> [String] {
    (FileManager.default.enumerator(atPath: directory)?.allObjects ?? []).compactMap { name in
      var isDirectory = ObjCBool(false)
      let path = "\(directory)/\(name)"
      let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      return exists && !isDirectory.boolValue ? path : nil
    }
  }

  // MARK: A run that uses every kind of secret

  private func use(_ system: LiveSystem, _ book: Book) async throws {
    let local = try system.local()
    let demo = try #require(local["demo"]?[0])
    let tenant = demo.cell("tenant_id")
    try book.note("operator token", local["admin_token"]?.string)
    try book.note("graph token", local["graph_token"]?.string)
    try book.note("app secret", local["meta_app"]?["app_secret"]?.string)
    try book.note("verify token", local["meta_app"]?["verify_token"]?.string)
    try book.note("demo key", demo["api_key"]?.string)
    for file in ["deployment.key", "sealing.key"] {
      let key = try PrivateFile.read("\(system.data)/keys/\(file)") ?? []
      try book.note(file, String(decoding: key.prefix(64), as: UTF8.self))
    }
    let caller = HTTPCaller()
    func call(
      _ method: String, _ path: String, host: String, bearer: String? = nil, _ body: JSON? = nil
    ) async throws -> JSON {
      var headers = [("idempotency-key", UUID().uuidString)]
      if let bearer { headers.append(("authorization", "Bearer \(bearer)")) }
      if body != nil { headers.append(("content-type", "application/json")) }
      let answer = try await caller.call(
        method, (local["url"]?.string ?? "") + path, host: "\(host).localhost", headers: headers,
        body: body?.bytes())
      #expect(answer.status < 300, "\(method) \(path): \(answer.status) \(answer.json)")
      return answer.json
    }
    let slug = "/t/\(demo.cell("slug"))"
    // A person, from the invitation on.
    let invited = try await system.verb(
      "user", "invite", "--tenant", tenant, "--email", "ana@example.com", "--name", "Ana",
      "--role", "owner", "--json")
    try book.note("invitation", invited.json["token"]?.string)
    try book.note("password", Self.password)
    _ = try await call(
      "POST", "\(slug)/v1/invitations/accept", host: "app",
      ["token": invited.json["token"] ?? .null, "password": JSON(Self.password)])
    let signIn: JSON = ["email": "ana@example.com", "password": JSON(Self.password)]
    let first = try await call("POST", "\(slug)/v1/sessions", host: "app", signIn)
    try book.note("access token", first["access_token"]?.string)
    try book.note("refresh token", first["refresh_token"]?.string)
    let second = try await call(
      "POST", "/v1/sessions/refresh", host: "api", bearer: first["refresh_token"]?.string)
    try book.note("next access token", second["access_token"]?.string)
    try book.note("next refresh token", second["refresh_token"]?.string)
    let access = try #require(second["access_token"]?.string)
    // A second factor with its recovery codes.
    let enrolment = try await call("POST", "/v1/me/totp", host: "api", bearer: access)
    let secret = try #require(enrolment["secret"]?.string)
    try book.note("second factor", secret)
    let now = Timestamp(milliseconds: LiveWallClock().milliseconds())
    let code = OneTimeCode.code(Self.base32(secret), step: OneTimeCode.step(at: now))
    let codes = try await call(
      "POST", "/v1/me/totp/confirm", host: "api", bearer: access, ["code": JSON(code)])
    for recovery in codes["recovery_codes"]?.array ?? [] {
      try book.note("recovery code", recovery.string)
    }
    // An operator's, and the session that it opens.
    let person = try await system.verb(
      "operator", "add", "--name", "Bo", "--role", "support", "--json")
    try book.note("second operator's token", person.json["token"]?.string)
    let bearer = person.json["token"]?.string
    let factor = try await call("POST", "/v1/me/totp", host: "admin", bearer: bearer)
    let operatorSecret = try #require(factor["secret"]?.string)
    try book.note("operator's second factor", operatorSecret)
    let operatorCode = OneTimeCode.code(
      Self.base32(operatorSecret),
      step: OneTimeCode.step(at: Timestamp(milliseconds: LiveWallClock().milliseconds())))
    let operatorCodes = try await call(
      "POST", "/v1/me/totp/confirm", host: "admin", bearer: bearer, ["code": JSON(operatorCode)])
    let recovery = try #require(operatorCodes["recovery_codes"]?[0]?.string)
    try book.note("operator's recovery code", recovery)
    let opened = try await call(
      "POST", "/v1/me/sessions", host: "admin", bearer: bearer, ["code": JSON(recovery)])
    try book.note("operator's session", opened["token"]?.string)
    // Keys: made, rotated.
    let made = try await call(
      "POST", "/v1/api-keys", host: "api", bearer: access,
      ["name": "k", "mode": "live", "scopes": ["*"]])
    try book.note("key", made["key"]?.string)
    let rotated = try await call(
      "POST", "/v1/api-keys/\(made.cell("id"))/rotate", host: "api", bearer: access,
      ["overlap_seconds": 60])
    try book.note("rotated key", rotated["key"]?.string)
    try book.note("alert secret", Self.hookSecret)
    _ = try await call(
      "PUT", "/v1/alert-channels/webhook", host: "api", bearer: access,
      ["url": "https://alerts.example.com/x", "secret": JSON(Self.hookSecret)])
    // Impersonation.
    let granted = try await system.verb(
      "impersonation", "grant", "--tenant", tenant, "--reason", "ticket 42 is stuck", "--json")
    try book.note("grant", granted.json["grant"]?.string)
    let acting = try await call(
      "POST", "\(slug)/v1/impersonations", host: "app", ["grant": granted.json["grant"] ?? .null])
    try book.note("impersonation token", acting["access_token"]?.string)
    _ = try await call("GET", "/v1/me", host: "api", bearer: acting["access_token"]?.string)
    // A forgotten password, by letter.
    _ = try await call(
      "POST", "\(slug)/v1/password-resets", host: "app", ["email": "ana@example.com"])
    let token = try await Self.letter(system, demo.cell("cell"))
    try book.note("reset token", token)
    try book.note("new password", Self.newPassword)
    _ = try await call(
      "POST", "\(slug)/v1/password-resets/confirm", host: "app",
      ["token": JSON(token), "password": JSON(Self.newPassword)])
    // What is presented wrongly is no less a secret.
    _ = try? await caller.call(
      "GET", (local["url"]?.string ?? "") + "/v1/contacts", host: "api.localhost",
      headers: [("authorization", "Bearer \(access)")])
    let body = #"{"type":"text","text":{"body":"hi"}}"#
    _ = try await system.verb(
      "message", "send", "--to", "+4915112345679", "--body", body, "--json")
  }

  /// The token in the newest letter that a cell has put down as a file.
  private static func letter(_ system: LiveSystem, _ cell: String) async throws -> String {
    var token: String?
    try await PrivateSystem.wait("the letter is there", seconds: 20) {
      () throws(CommandFailure) in
      for path in files(in: "\(system.data)/cells/\(cell)/mail") {
        let text = String(
          decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        guard text.contains("Subject: A new password") else { continue }
        token = text.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("aot_") }
          .map(String.init)
      }
      return token != nil
    }
    return try #require(token)
  }

  private static func base32(_ text: String) -> [UInt8] {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    var (bits, buffer) = (0, 0)
    var bytes: [UInt8] = []
    for character in text {
      buffer = buffer << 5 | (digits.firstIndex(of: character) ?? 0)
      bits += 5
      guard bits >= 8 else { continue }
      bits -= 8
      bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
      buffer &= (1 << bits) - 1
    }
    return bytes
  }
}
