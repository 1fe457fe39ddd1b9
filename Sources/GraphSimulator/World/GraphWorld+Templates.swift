extension GraphWorld {
  /// `POST /{waba}/message_templates`: approved at once, like the simple templates of a trusted
  /// account.
  mutating func createTemplate(
    waba: String, _ body: JSON, now: Int64 = 0
  ) throws(GraphError) -> MessageTemplate {
    guard let name = body["name"]?.string, Self.isTemplateName(name) else {
      throw .invalidParameter("name must be 1 to 512 of a-z, 0-9 and _")
    }
    guard let language = body["language"]?.string, !language.isEmpty else {
      throw .invalidParameter("language is required")
    }
    let category = body["category"]?.string?.uppercased() ?? ""
    guard ["MARKETING", "UTILITY", "AUTHENTICATION"].contains(category) else {
      throw .invalidParameter("category must be MARKETING, UTILITY or AUTHENTICATION")
    }
    let components = body["components"] ?? []
    try checkComponents(components)
    let key = MessageTemplate.Key(wabaID: waba, name: name, language: language)
    guard templates[key] == nil else {
      throw GraphError(
        100, 400, "Invalid parameter",
        details: "There is already a template with this name in this language.",
        subcode: 2_388_024)
    }
    guard templates.keys.count(where: { $0.wabaID == waba }) < SimulatorLimits.templatesPerWABA
    else { throw GraphError(100, 400, "Invalid parameter", subcode: 2_388_019) }
    let template = MessageTemplate(
      id: String(nextID()), key: key, category: category, status: "APPROVED",
      components: components,
      parameterFormat: body["parameter_format"]?.string?.uppercased() ?? "POSITIONAL",
      createdAt: now / 1000)
    templates[key] = template
    return template
  }

  /// Takes in a template that the account has from the start.
  mutating func know(_ template: KnownTemplate, now: Int64) {
    do { _ = try createTemplate(waba: template.wabaID, template.request, now: now) } catch {
      preconditionFailure("template \(template.name): \(error)")
    }
  }

  /// `POST /{template-id}`: components are replaced whole.
  mutating func editTemplate(
    _ template: MessageTemplate, _ body: JSON
  ) throws(GraphError) -> MessageTemplate {
    var edited = template
    if let components = body["components"] {
      try checkComponents(components)
      edited.components = components
    }
    if let category = body["category"]?.string?.uppercased() {
      guard category == template.category || template.status != "APPROVED" else {
        throw .invalidParameter("the category of an approved template is fixed")
      }
      edited.category = category
    }
    templates[template.key] = edited
    return edited
  }

  /// `PUT /_sim/templates`: sets a status or a category as Meta would, whatever it was.
  mutating func overrideTemplate(_ body: JSON) throws(GraphError) -> (MessageTemplate, JSON) {
    guard let waba = body["waba_id"]?.text, let name = body["name"]?.string,
      let language = body["language"]?.string
    else { throw .invalidParameter("waba_id, name and language are required") }
    let key = MessageTemplate.Key(wabaID: waba, name: name, language: language)
    var template =
      templates[key]
      ?? MessageTemplate(
        id: String(nextID()), key: key, category: "MARKETING", status: "APPROVED", components: [],
        parameterFormat: "POSITIONAL")
    let before = template
    template.status = body["status"]?.string ?? template.status
    template.category = body["category"]?.string ?? template.category
    template.components = body["components"] ?? template.components
    templates[key] = template
    if before.category != template.category {
      return (template, Self.categoryChange(from: before, to: template))
    }
    return (template, Self.statusChange(template, reason: body["reason"]))
  }

  /// `DELETE /{waba}/message_templates`: one by `hsm_id`, else every language of a name.
  mutating func deleteTemplates(waba: String, name: String?, id: String?) throws(GraphError) {
    let keys = templates.values.filter {
      $0.key.wabaID == waba && (id.map { [text = $0.id] in text == $0 } ?? ($0.key.name == name))
    }.map(\.key)
    guard !keys.isEmpty else {
      throw GraphError(100, 400, "Invalid parameter", details: "Message template was not found")
    }
    for key in keys { templates[key] = nil }
  }

  func template(id: String) -> MessageTemplate? { templates.values.first { $0.id == id } }

  /// `GET /{waba}/message_templates`: filters, pages and `summary`.
  func listTemplates(waba: String, query: [String: String]) throws(GraphError) -> JSON {
    let all = templates.values.filter { template in
      template.key.wabaID == waba
        && (query["name"].map { template.key.name.contains($0) } ?? true)
        && (query["status"].map { template.status == $0 } ?? true)
        && (query["category"].map { template.category == $0 } ?? true)
        && (query["language"].map { template.key.language == $0 } ?? true)
    }.sorted { $0.id < $1.id }
    guard let limit = Int(query["limit"] ?? "25"), limit > 0 else {
      throw .invalidParameter("limit must be a positive number")
    }
    let rest = query["after"].map { after in all.filter { $0.id > after } } ?? all
    let page = Array(rest.prefix(limit))
    var answer: JSON = ["data": .array(page.map { Self.pick($0.json, query["fields"]) })]
    if let first = page.first, let last = page.last {
      var paging: JSON = ["cursors": ["before": JSON(first.id), "after": JSON(last.id)]]
      if rest.count > page.count { paging = paging.with("next", JSON("?after=\(last.id)")) }
      answer = answer.with("paging", paging)
    }
    if query["summary"] != nil || query["fields"]?.contains("summary") == true {
      answer = answer.with(
        "summary",
        [
          "total_count": JSON(all.count), "message_template_count": JSON(all.count),
          "message_template_limit": JSON(SimulatorLimits.templatesPerWABA),
          "are_translations_complete": false,
        ])
    }
    return answer
  }

  /// The members of `value` that the query's `fields` names; `id` always.
  static func pick(_ value: JSON, _ fields: String?) -> JSON {
    guard let fields, let members = value.members else { return value }
    // "whatsapp_business_api_data{id,name}" counts as its first word.
    let names = Set(fields.split { ",{}()".contains($0) }.map { $0.split(separator: ".")[0] })
    return .object(members.filter { $0.name == "id" || names.contains($0.name[...]) })
  }

  static func statusChange(_ template: MessageTemplate, reason: JSON?) -> JSON {
    [
      "event": JSON(template.status), "message_template_id": .integer(Int64(template.id) ?? 0),
      "message_template_name": JSON(template.key.name),
      "message_template_language": JSON(template.key.language),
      "reason": reason ?? "NONE", "message_template_category": JSON(template.category),
    ]
  }

  private static func categoryChange(from old: MessageTemplate, to new: MessageTemplate) -> JSON {
    [
      "message_template_id": .integer(Int64(new.id) ?? 0),
      "message_template_name": JSON(new.key.name),
      "message_template_language": JSON(new.key.language),
      "previous_category": JSON(old.category), "new_category": JSON(new.category),
    ]
  }

  private static func isTemplateName(_ name: String) -> Bool {
    (1...512).contains(name.utf8.count)
      && name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
  }

  private func checkComponents(_ components: JSON) throws(GraphError) {
    guard let list = components.array else { throw .invalidParameter("components must be a list") }
    for component in list {
      let type = component["type"]?.string?.uppercased() ?? ""
      let text = component["text"]?.string ?? ""
      switch type {
      case "HEADER":
        guard text.count <= 60, MessageTemplate.parameterCount(of: text) <= 1 else {
          throw .invalidParameter("a header has at most 60 characters and 1 parameter")
        }
      case "BODY":
        guard text.count <= 1024 else {
          throw .invalidParameter("a body has at most 1024 characters")
        }
      case "FOOTER":
        guard text.count <= 60, MessageTemplate.parameterCount(of: text) == 0 else {
          throw .invalidParameter("a footer has at most 60 characters and no parameter")
        }
      case "BUTTONS":
        guard (component["buttons"]?.array?.count ?? 0) <= 10 else {
          throw .invalidParameter("a template has at most 10 buttons")
        }
      case "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST": break
      default: throw .invalidParameter("component type \(type) is not known")
      }
    }
  }
}
