"""Networks: tensor to tensor, ignorant of physics."""
