"""From a base model to an assistant: supervised fine-tuning, adapters, rewards, reinforcement."""
