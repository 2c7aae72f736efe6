// A conversation as a file: Markdown to read, or JSON Lines that `prosa sft` reads. The path in view is what is
// exported.

import { download } from "./dom.js";
import { day, tr } from "./language.js";
import { path } from "./tree.js";

const name = ({ title, updated }) =>
  `${day(updated)} ${title}`
    .normalize("NFC")
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .trim()
    .slice(0, 60) || "prosa";

/** `{"messages": […]}` in one line, as OpenAI's fine-tuning and Prosa's conversations are. */
export function exportJson(conversation) {
  const { system } = conversation.settings;
  const messages = path(conversation).map(({ message }) => message);
  if (system.trim()) messages.unshift({ role: "system", content: system });
  download(`${name(conversation)}.jsonl`, `${JSON.stringify({ messages })}\n`, "application/jsonl");
}

export function exportMarkdown(conversation) {
  const who = { user: tr("You", "Você"), assistant: "Prosa", tool: tr("Tool", "Ferramenta") };
  const parts = path(conversation).map(({ message: { role, content, tool_calls: calls = [] } }) => {
    const called = calls.map(({ function: { name: tool, arguments: args } }) => `\`${tool}(${args})\``);
    return `**${who[role]}**\n\n${[content, ...called].filter(Boolean).join("\n\n")}`;
  });
  download(`${name(conversation)}.md`, `# ${conversation.title}\n\n${parts.join("\n\n")}\n`, "text/markdown");
}
