"""How fast training is: `bench` measures, `report` says it in words."""
