import Storage
import Wire

/// Makes of a tenant's files as they are now, and of those of a past point beside them (`past`),
/// what a swap puts in place.
///
/// Facts stay: ledger, keys and their revocations, messages, consents, campaigns. What comes back
/// is what a wrong command can have taken away: contacts, tags, templates.
struct SwapMergeStore {
  let connection: Connection

  /// Contacts and tags as they were; those that are new since stay.
  func bringBackContacts() throws {
    try connection.run(
      """
      UPDATE contacts SET name = (SELECT p.name FROM past.contacts AS p WHERE p.id = contacts.id)
      WHERE id IN (SELECT id FROM past.contacts)
      """)
    try connection.run(
      """
      INSERT OR IGNORE INTO contacts (id, wa_id, user_id, name, created_at, merged_into)
      SELECT id, wa_id, user_id, name, created_at, merged_into FROM past.contacts
      """)
    try connection.run(
      "DELETE FROM contact_tags WHERE contact_id IN (SELECT id FROM past.contacts)")
    try connection.run(
      """
      INSERT OR IGNORE INTO contact_tags (contact_id, tag)
      SELECT contact_id, tag FROM past.contact_tags
      WHERE contact_id IN (SELECT id FROM contacts)
      """)
    try connection.run(
      """
      INSERT OR IGNORE INTO contact_consents (contact_id, opted_out, at)
      SELECT contact_id, opted_out, at FROM past.contact_consents
      WHERE contact_id IN (SELECT id FROM contacts)
      """)
  }

  /// Templates that are gone come back; versions are never taken away.
  func bringBackTemplates() throws {
    try connection.run(
      """
      INSERT OR IGNORE INTO templates (id, name, language, status, reason, category, version)
      SELECT id, name, language, status, reason, category, version FROM past.templates
      """)
    try connection.run(
      """
      INSERT OR IGNORE INTO template_versions
        (template_id, version, category, parameter_format, components, at)
      SELECT template_id, version, category, parameter_format, components, at
      FROM past.template_versions WHERE template_id IN (SELECT id FROM templates)
      """)
  }

  /// Campaigns that were started since go no further by themselves.
  func pauseNewCampaigns() throws {
    try connection.run(
      """
      UPDATE campaign_states SET state = 3 WHERE state IN (1, 2)
        AND campaign_id NOT IN (SELECT campaign_id FROM past.campaign_states WHERE state IN (1, 2))
      """)
  }

  // What is listed before it is accepted.

  func countMessages(_ abandoned: inout AbandonedRecords) throws {
    abandoned.inbound = try count(
      """
      SELECT count(*) FROM messages WHERE direction = 0
        AND id NOT IN (SELECT id FROM past.messages)
      """)
    abandoned.queued = try count(
      """
      SELECT count(*) FROM message_states WHERE state = 0
        AND id NOT IN (SELECT id FROM past.message_states)
      """)
    abandoned.sends = try count(
      """
      SELECT count(*) FROM message_states AS s WHERE s.state BETWEEN 1 AND 11
        AND coalesce((SELECT p.state FROM past.message_states AS p WHERE p.id = s.id), 0) = 0
      """)
    abandoned.campaignsPaused = try count(
      """
      SELECT count(*) FROM campaign_states WHERE state IN (1, 2)
        AND campaign_id NOT IN (SELECT campaign_id FROM past.campaign_states WHERE state IN (1, 2))
      """)
  }

  func countMoney(_ abandoned: inout AbandonedRecords) throws {
    try connection.query(
      """
      SELECT count(*), coalesce(sum(amount), 0) FROM top_ups
      WHERE id NOT IN (SELECT id FROM past.top_ups)
      """
    ) { row in
      abandoned.topUps = row.int(0)
      abandoned.topUpMicros = row.int64(1)
    }
    abandoned.captures = try count(
      "SELECT count(*) FROM usage_events WHERE id NOT IN (SELECT id FROM past.usage_events)")
    abandoned.refunds = try count(
      """
      SELECT count(*) FROM refunds
      WHERE transfer_id NOT IN (SELECT transfer_id FROM past.refunds)
      """)
  }

  func countKeys(_ abandoned: inout AbandonedRecords) throws {
    abandoned.revocations = try count(
      """
      SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL
        AND id IN (SELECT id FROM past.api_keys WHERE revoked_at IS NULL)
      """)
    abandoned.keysCreated = try count(
      "SELECT count(*) FROM api_keys WHERE id NOT IN (SELECT id FROM past.api_keys)")
  }

  private func count(_ sql: StaticString) throws -> Int {
    try connection.first(sql) { $0.int(0) } ?? 0
  }
}
